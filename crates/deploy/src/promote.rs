//! `tandem-deploy promote`: gives the images that staging has tested their version, and tells their digests.
//!
//! What links a commit on the main branch with what was tested is its tree: the same files, whatever the commit is called.
//! Images are tagged `tree-<hash>` by the build. Whatever is missing, contradicts itself or is not attested ends it here.

mod attestation;

use crate::args::{Attestations, EnvironmentArgs, PromoteArgs};
use crate::aws::{Aws, Error, Manifest, Reference};
use crate::digest::Program;
use crate::failure::{Exit, Failure};
use crate::images::{self, Labels};
use crate::output;
use crate::session::Session;

/// The name of the environment in which images must be attested.
const PRODUCTION: &str = "prod";

/// Where the images are, and what is known of it.
struct Source {
    aws: Aws,
    /// By program.
    urls: [(Program, String); 2],
    /// Which environment it belongs to, if that is known.
    environment: Option<String>,
}

/// An image that was found by its tree.
struct Candidate {
    program: Program,
    url: String,
    manifest: Manifest,
}

pub(crate) async fn run(args: &PromoteArgs) -> Result<Exit, Failure> {
    let source = source(args).await?;
    if args.attestations == Attestations::Skip
        && source.environment.as_deref().is_none_or(|it| it == PRODUCTION)
    {
        let why = "--attestations skip needs --name, of an environment that is not production";
        return Err(Failure::new(Exit::Usage, why));
    }
    let candidates = candidates(&source, args).await?;
    let mut refusals = contradictions(&source.aws, &candidates, &args.tree).await;
    if args.attestations == Attestations::Require {
        refusals.extend(attestation::objections(&candidates, args).await?);
    }
    let tag = format!("v{}", args.version);
    let untagged = untagged(&source.aws, &candidates, &tag)
        .await?
        .unwrap_or_else(|reasons| {
            refusals.extend(reasons);
            Vec::new()
        });
    if !refusals.is_empty() {
        return Err(Failure::refused(&refusals));
    }
    for candidate in untagged {
        source
            .aws
            .put_tag(&candidate.url, &candidate.manifest, &tag)
            .await?;
        output::note(&format!("{} is {tag}", candidate.program));
    }
    tell(&candidates, args)?;
    Ok(Exit::Done)
}

async fn source(args: &PromoteArgs) -> Result<Source, Failure> {
    if let Some(registry) = &args.registry {
        let url = |program: Program| (program, format!("{registry}/{}/{program}", args.prefix));
        return Ok(Source {
            aws: Aws::from_environment().await,
            urls: Program::ALL.map(url),
            environment: None,
        });
    }
    let name = args.name.clone().unwrap_or_default();
    let session = Session::open(&EnvironmentArgs { name }).await?;
    let url = |program: Program| {
        (
            program,
            session.environment.service(program).repository_url.clone(),
        )
    };
    Ok(Source {
        urls: Program::ALL.map(url),
        environment: Some(session.environment.environment.clone()),
        aws: session.aws,
    })
}

/// The images of the tree, of all programs or of none.
async fn candidates(source: &Source, args: &PromoteArgs) -> Result<Vec<Candidate>, Failure> {
    let tag = format!("tree-{}", args.tree);
    let mut found = Vec::new();
    let mut missing = Vec::new();
    for (program, url) in &source.urls {
        match source.aws.manifest(url, Reference::Tag(&tag)).await? {
            Some(manifest) => found.push(Candidate {
                program: *program,
                url: url.clone(),
                manifest,
            }),
            None => missing.push(format!(
                "there is no image {url}:{tag}: staging has not tested this tree"
            )),
        }
    }
    if missing.is_empty() {
        Ok(found)
    } else {
        Err(Failure::refused(&missing))
    }
}

/// What the images say about themselves that can't be so.
async fn contradictions(aws: &Aws, candidates: &[Candidate], tree: &str) -> Vec<String> {
    let mut refusals = Vec::new();
    let mut commits = Vec::new();
    for it in candidates {
        let image = format!("{}@{}", it.url, it.manifest.digest);
        match images::labels(aws, &it.url, &it.manifest).await {
            Ok(Labels {
                revision: Some(commit),
                tree: Some(of),
                ..
            }) => {
                if of != tree {
                    refusals.push(format!("{image} says that it was built from the tree {of}"));
                }
                commits.push((it.program, commit));
            }
            Ok(_) => refusals.push(format!("{image} does not say what it was built from")),
            Err(error) => refusals.push(format!("{image} can't be looked at: {error}")),
        }
    }
    if let [(one, commit), (other, another)] = &commits[..]
        && commit != another
    {
        refusals.push(format!(
            "the {one} was built from commit {commit}, and the {other} from {another}"
        ));
    }
    refusals
}

/// The candidates that do not have the tag yet; or the images that have it in their place.
async fn untagged<'a>(
    aws: &Aws,
    candidates: &'a [Candidate],
    tag: &str,
) -> Result<Result<Vec<&'a Candidate>, Vec<String>>, Error> {
    let mut untagged = Vec::new();
    let mut taken = Vec::new();
    for it in candidates {
        match aws.manifest(&it.url, Reference::Tag(tag)).await? {
            None => untagged.push(it),
            Some(tagged) if tagged.digest == it.manifest.digest => {}
            Some(tagged) => taken.push(format!(
                "{}:{tag} is another image already, {}",
                it.url, tagged.digest
            )),
        }
    }
    Ok(if taken.is_empty() {
        Ok(untagged)
    } else {
        Err(taken)
    })
}

fn tell(candidates: &[Candidate], args: &PromoteArgs) -> Result<(), Failure> {
    let images: Vec<String> = candidates
        .iter()
        .map(|it| format!("{}@{}", it.program, it.manifest.digest))
        .collect();
    let mut lines = vec![
        format!("version={}", args.version),
        format!("digests={}", images.join(",")),
    ];
    lines.extend(
        candidates
            .iter()
            .map(|it| format!("{}_digest={}", it.program, it.manifest.digest)),
    );
    for line in &lines {
        output::line(line);
    }
    match &args.output {
        Some(path) => output::append(path, &lines),
        None => Ok(()),
    }
}
