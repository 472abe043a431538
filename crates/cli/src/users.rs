//! `tandem users …`: the people of the tenant.

use client::{User, UserId};

use crate::access;
use crate::args::{UsersArgs, UsersCommand};
use crate::failure::{ExitStatus, Failure};
use crate::output;

pub(crate) async fn run(args: UsersArgs) -> Result<ExitStatus, Failure> {
    let json = args.api.json;
    let client = access::connect(&args.api)?;
    match args.command {
        UsersCommand::List { limit } => {
            access::show_list(client.users().limit(limit), json, print_table).await?;
        }
        UsersCommand::Create { name, email } => {
            access::show(client.create_user(&name, &email), json, print).await?;
        }
        UsersCommand::Get { id } => access::show(client.user(UserId(id)), json, print).await?,
    }
    Ok(ExitStatus::Done)
}

fn print(user: User) {
    print_table(vec![user]);
}

fn print_table(users: Vec<User>) {
    let rows = users.into_iter().map(|user| {
        [
            user.id.0.to_string(),
            user.name,
            user.email,
            output::time(user.created_at),
        ]
    });
    output::table(["id", "name", "email", "created_at"], rows);
}
