//! The way from the last release to this build, and back, and to it for good.

use order_testkit::databases::Database;

use crate::load::{Load, Rotation};
use crate::shop::{Release, Shop, Way, stop};
use crate::support::Service;
use crate::verdict;

/// How many orders are finished in each part of the way at least.
const ORDERS: usize = 100;

/// One walk, whose parts print what they measured.
struct Walk<'a> {
    name: String,
    shop: &'a Shop,
    load: &'a Load,
    rotation: &'a Rotation,
}

impl Walk<'_> {
    fn part(&self, what: &str, part: impl FnOnce()) {
        let measured = self.load.during(ORDERS, part);
        eprintln!("{}: {what}: {measured}", self.name);
    }

    fn begins(&self, release: Release, more: &[&str]) -> Service {
        let service = self.shop.serve(release, more);
        self.rotation.enter(release, &service);
        service
    }

    /// Takes an instance out as a rolling release does: it gets no new requests, and serves until its delay is over.
    fn ends(&self, service: &Service) {
        self.rotation.leave(service);
        stop(service);
    }

    /// Starts an instance as a part of the way.
    fn part_begins(&self, what: &str, release: Release, more: &[&str]) -> Service {
        let mut service = None;
        self.part(what, || service = Some(self.begins(release, more)));
        service.unwrap()
    }

    /// Returns the instance that serves in the end.
    fn go(&self, way: Way, first: &Service) -> Service {
        self.part("the last release alone", || {});
        let more: &[&str] = match way {
            Way::Start => &[],
            Way::Command => {
                self.part("a command migrates", || {
                    eprintln!(
                        "{}: {} runs of order-service migrate",
                        self.name,
                        self.shop.migrate()
                    );
                });
                &["--order.migrate-at-start=false"]
            }
        };
        let new = self.part_begins("this build starts", Release::This, more);
        self.part("beside each other", || {});
        self.part("the last release ends", || self.ends(first));
        let old = self.part_begins("it starts again on the new tables", Release::Last, &[]);
        self.part("rolled back to it, and this build ends", || self.ends(&new));
        let new = self.part_begins("this build starts again", Release::This, more);
        let both = [(Release::Last, &old), (Release::This, &new)];
        verdict::both_read_all(&both, &self.load.orders());
        self.part("the last release ends for good", || self.ends(&old));
        self.part("this build alone", || {});
        new
    }
}

pub(crate) fn through_the_upgrade(database: Database, way: Way) {
    let shop = Shop::on(database);
    let (load, rotation) = (Load::default(), Rotation::default());
    let name = format!("{}, {}", database.name(), way.name().replace('_', " "));
    let walk = Walk { name, shop: &shop, load: &load, rotation: &rotation };
    let first = walk.begins(Release::Last, &[]);
    let last = load.run(&rotation, || walk.go(way, &first));
    shop.wait_until_drained();
    stop(&last);
    let counted = verdict::nothing_is_amiss(&shop, &load.orders());
    eprintln!("{}: {counted}, {} requests, none failed", walk.name, load.requests());
}
