// Evaluates expressions of GitHub Actions by GitHub's own library: a list of {expression, contexts} from standard input, a list
// of texts to standard output.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const library = `${process.env.MODULES}/@actions/expressions/dist/index.js`;
const { data, Evaluator, Lexer, Parser } = await import(pathToFileURL(library));

const evaluated = JSON.parse(readFileSync(0, "utf8")).map(({ expression, contexts }) => {
  const bare = expression.trim().replace(/^\$\{\{|\}\}$/g, "");
  const parsed = new Parser(new Lexer(bare).lex().tokens, Object.keys(contexts), []).parse();
  return new Evaluator(parsed, JSON.parse(JSON.stringify(contexts), data.reviver)).evaluate().coerceString();
});
process.stdout.write(JSON.stringify(evaluated));
