//! `baraza site`: the referral card and the site's rules.

use answer::review::Site;
use store::By;

use super::open_store;
use crate::cli::SiteArgs;
use crate::failure::print;
use crate::running::today;

pub(crate) fn run(args: &SiteArgs) -> anyhow::Result<()> {
    let mut store = open_store(&args.data.folder())?;
    let before = store.site()?;
    let given = |new: &Option<String>, old: &String| new.clone().unwrap_or_else(|| old.clone());
    let site = Site {
        facility: given(&args.facility, &before.facility),
        phone: given(&args.phone, &before.phone),
        hours: given(&args.hours, &before.hours),
        retention_days: args.retention.unwrap_or(before.retention_days),
        model_without_source: args.model_without_source.unwrap_or(before.model_without_source),
    };
    if site != before {
        let day = today(&store);
        store.set_site(&site, &By { reviewer: None, day: day.as_deref() })?;
    }
    let free = if site.model_without_source { "yes" } else { "no" };
    print(&format!(
        "facility              {}\nphone                 {}\nhours                 {}\n\
         retention             {} days of running (0 keeps all)\nmodel without source  {free}\n",
        site.facility, site.phone, site.hours, site.retention_days
    ))
}
