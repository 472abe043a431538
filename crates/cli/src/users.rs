//! `tandem users …`: the people of the tenant.

use serde_json::{Value, json};

use crate::args::{UsersArgs, UsersCommand};
use crate::client::Client;
use crate::failure::{ExitStatus, Failure};
use crate::output;
use crate::output::plain;

pub(crate) async fn run(args: UsersArgs) -> Result<ExitStatus, Failure> {
    let json = args.api.json;
    let client = Client::new(&args.api)?;
    match args.command {
        UsersCommand::List { limit } => {
            let users = client.list("/api/users", "users", &[], limit).await?;
            if json {
                output::json(&users);
            } else {
                print_table(&users);
            }
        }
        UsersCommand::Create { name, email } => {
            // Harmless to repeat: the address makes it one user, and the worst that a lost answer does is that the
            // address is told to be taken.
            let body = json!({ "name": name, "email": email });
            print(client.post_json("/api/users", &body).await?, json);
        }
        UsersCommand::Get { id } => print(client.get(&format!("/api/users/{id}"), &[]).await?, json),
    }
    Ok(ExitStatus::Done)
}

fn print(user: Value, json: bool) {
    if json {
        output::json(&user);
    } else {
        print_table(&[user]);
    }
}

fn print_table(users: &[Value]) {
    let columns = ["id", "name", "email", "created_at"];
    let row = |user: &Value| columns.iter().map(|name| plain(&user[*name])).collect();
    output::table(&columns, users.iter().map(row).collect());
}
