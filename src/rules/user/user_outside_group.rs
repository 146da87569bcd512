//! `user-outside-group`: the user is not in the group that the policy names.

use crate::facts::Facts;
use crate::facts::accounts::UserProblem;
use crate::model::finding::Fix;
use crate::model::finding::Location;
use crate::model::finding::Undecided;
use crate::model::text::shown;
use crate::rules::Docs;
use crate::rules::Found;
use crate::rules::Out;
use crate::rules::Param;
use crate::rules::ParamKind;
use crate::rules::Rule;
use crate::rules::Settings;
use crate::rules::Topic;

/// The rule.
pub const RULE: Rule = Rule {
    id: "user-outside-group",
    topic: Topic::User,
    title: "the user is not in the group that the policy names",
    rows: &["F5"],
    params: &[Param {
        name: "group",
        kind: ParamKind::String,
        about: "Group that the program must run with, by name or number. Default: not checked.",
    }],
    docs: Docs {
        why: "A user outside the program's group can't access the files that are shared through that group. `adduser \
              -S nextjs` without `-G` puts the user in nogroup, which other accounts share.",
        checks: "The groups that the runtime gives the config's `User`: the group that it names, otherwise the primary \
                 group in `/etc/passwd` and the groups in `/etc/group` that list the user.",
        limits: "Groups given at run time (`--group-add`, `supplementalGroups`). For root, see `root-user`.",
        fix: "Create the account in its group (`RUN adduser -S -u 1001 -G nodejs nextjs`), or name the group: `USER \
              nextjs:nodejs`.",
        before: "FROM node:22-alpine\n\
                 RUN addgroup -S -g 1001 nodejs && adduser -S -u 1001 nextjs\n\
                 USER nextjs",
        after: "FROM node:22-alpine\n\
                RUN addgroup -S -g 1001 nodejs && adduser -S -u 1001 -G nodejs nextjs\n\
                USER nextjs",
        breaks: "# with user-outside-group = { level = \"error\", group = \"nodejs\" }\n\
                 config user=nextjs   #! user-outside-group\n\
                 layer RUN addgroup -g 1001 nodejs && adduser -S -u 1001 nextjs\n  \
                 f 0644 0:0 etc/passwd \"nextjs:x:1001:65533::/:/bin/false\\n\"\n  \
                 f 0644 0:0 etc/group \"nodejs:x:1001:\\n\"",
        satisfies: "# with user-outside-group = { level = \"error\", group = \"nodejs\" }\n\
                config user=nextjs\n\
                layer RUN addgroup -g 1001 nodejs && adduser -S -u 1001 -G nodejs nextjs\n  \
                f 0644 0:0 etc/passwd \"nextjs:x:1001:1001::/:/bin/false\\n\"\n  \
                f 0644 0:0 etc/group \"nodejs:x:1001:nextjs\\n\"",
    },
    check,
};

fn check(facts: &Facts<'_>, settings: &Settings, out: &mut Out<'_>) -> Result<(), Undecided> {
    let Some(group) = settings.string("group") else { return Ok(()) };
    let Some(user) = facts.non_root_user()? else { return Ok(()) };
    if let Some(question) = user.groups_unknown {
        return Err(question);
    }
    let (name, uid) = (shown(group), user.uid);
    let who = match &user.name {
        Some(user) => format!("{user} (uid {uid})"),
        None => format!("uid {uid}"),
    };
    let (message, fix) = match facts.gid_of(group) {
        Ok(gid) if user.gid == gid || user.groups.contains(&gid) => return Ok(()),
        Err(UserProblem::Undecided(question)) => return Err(question),
        Ok(gid) => {
            let primary = match facts.group_name(user.gid)? {
                Some(primary) => format!("{primary} (gid {})", user.gid),
                None => format!("gid {}", user.gid),
            };
            let message = format!("{who} runs with group {primary} and is not in {name} (gid {gid})");
            (message, Fix::new("Name the group, or add the user to it").line(format!("USER {uid}:{gid}")))
        }
        Err(UserProblem::Unknown(_)) => {
            let message = format!("{who} is not in the group {name}, which doesn't exist in the image");
            (message, Fix::new(format!("Create the group {name} and add the user to it")))
        }
    };
    out.report(Found::new(name, message).at(Location::config("config.User")).fix(fix));
    Ok(())
}
