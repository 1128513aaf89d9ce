//! Servers in a mood of their own: what would make each write fail, or never let the service be ready, is set right or refused
//! by name. `persistence-diesel/tests/faults/moods.rs` has the other moods.

use libtest_mimic::Trial;
use order_testkit::databases::{Database, Scratch, execute};
use serde_json::json;
use tokio::runtime::Builder;

use crate::support::{Service, eventually};
use crate::trial;

/// What MySQL and MariaDB tell each session of a user without privileges.
const MOODS: [&str; 3] =
    ["default_storage_engine = MyISAM", "completion_type = 'RELEASE'", "completion_type = 'CHAIN'"];

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = vec![trial("postgres::a_database_in_latin1_is_refused_by_name", latin1)];
    for database in [Database::Mariadb, Database::Mysql] {
        let name = format!("{}::its_engine_and_its_ends_of_transactions_are_set", database.name());
        trials.push(trial(name, move || moods(database)));
    }
    trials
}

fn run(url: &str, statement: &str) {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(execute(url, statement)).unwrap();
}

/// Orders whose texts have any characters are placed and read.
fn lives(service: &Service) {
    service.wait_until_ready();
    let order = json!({
        "customerId": 7,
        "items": [{"productId": 1, "quantity": 1, "unitPrice": "5.00", "name": "\u{20ac} 5"}],
    });
    let answer = service.post("/orders", &order);
    assert_eq!(answer.status(), 201, "{}", service.log());
    let placed: serde_json::Value = answer.json().unwrap();
    assert_eq!(placed["items"][0]["name"], "\u{20ac} 5");
    service.move_to(&placed, "CONFIRMED");
}

fn latin1() {
    let scratch = Database::Postgres.scratch();
    let name = format!("{}_latin1", scratch.url.rsplit('/').next().unwrap());
    let url = format!("{}_latin1", scratch.url);
    let options = "ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0";
    run(&scratch.url, &format!("CREATE DATABASE {name} {options}"));
    let service = Service::start(&[&format!("--spring.datasource.url={url}")]);
    let refused = "is in a database whose encoding is LATIN1; it must be UTF8";
    assert!(eventually(|| service.log().contains(refused)), "{}", service.log());
    assert_eq!(service.get("/actuator/health/readiness").status(), 503);
    let mends =
        format!("CREATE DATABASE {name}_utf8 ENCODING 'UTF8' LOCALE 'C' TEMPLATE template0");
    assert!(service.log().contains(&mends), "{}", service.log());
    println!("postgres: LATIN1 is refused by name, with: {mends}");
    drop(service);
    run(&scratch.url, &mends);
    lives(&Service::on(&format!("{url}_utf8")));
    for made in [format!("{name}_utf8"), name] {
        run(&scratch.url, &format!("DROP DATABASE {made} WITH (FORCE)"));
    }
}

/// A user without privileges, whose sessions the server begins with settings.
struct Moody(String, String);

impl Moody {
    fn new(scratch: &Scratch) -> Self {
        let (_, rest) = scratch.url.split_once('@').unwrap();
        let name = scratch.url.rsplit('/').next().unwrap();
        let user = format!("m{}", &name[name.len() - 20..]);
        run(&scratch.url, &format!("CREATE USER {user}@'%' IDENTIFIED BY 'secret'"));
        run(&scratch.url, &format!("GRANT ALL ON {name}.* TO {user}@'%'"));
        Self(scratch.url.clone(), format!("mysql://{user}:secret@{rest}"))
    }
}

impl Drop for Moody {
    fn drop(&mut self) {
        run(&self.0, "SET GLOBAL init_connect = ''");
        let user = self.1.trim_start_matches("mysql://").split(':').next().unwrap();
        run(&self.0, &format!("DROP USER {user}@'%'"));
    }
}

fn moods(database: Database) {
    for mood in MOODS {
        let scratch = database.scratch();
        let moody = Moody::new(&scratch);
        run(&scratch.url, &format!("SET GLOBAL init_connect = \"SET SESSION {mood}\""));
        lives(&Service::on(&moody.1));
        println!("{}: serves with {mood}", database.name());
    }
}
