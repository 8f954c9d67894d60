"""The commands, on one page. A first word that is in `COMMANDS` is that command; anything else is a playbook.

In: nothing. Out: the specs that `help.py` shows and `application.py` turns into click commands.
"""

from __future__ import annotations

from wgm_play.cli.options import (
    ALLOW,
    CHECK,
    CHOICE,
    CHOOSE,
    DIFF,
    FOLDER,
    LIST,
    LOOK,
    NUMBER,
    ONE_PLAYBOOK,
    OTHER,
    OUTPUT,
    OUTPUT_OPTIONS,
    PLAYBOOK,
    PLAYBOOKS,
    REPORT,
    TARGET_OPTIONS,
    TEXT,
    VALUES,
    WHERE,
    CommandArgument,
    Option,
    Spec,
    fail_on,
)

DESTRUCTIVE = Option(
    "--allow-destructive", group=ALLOW, help="remove what the playbook no longer says (to the trash first)"
)
NO_TRASH = Option("--no-trash", group=ALLOW, help="remove for good what is removed")
NO_BACKUP = Option("--no-backup", group=ALLOW, help="make no backup before the first change")
KILL_BLOCKERS = Option("--kill-blockers", group=ALLOW, help="end sessions in the way, where the policy allows it")
REVISION = Option(
    "--revision",
    group=OTHER,
    kind=TEXT,
    value="COMMIT",
    help="the git commit of the files, where there is no repository (default: what CI says)",
)
OVERRIDE_PROMOTION = Option(
    "--override-promotion",
    group=ALLOW,
    kind=TEXT,
    value="REASON",
    help="run what was not promoted (a hotfix): the reason is recorded",
)
OVERRIDE_FREEZE = Option(
    "--override-freeze",
    group=ALLOW,
    kind=TEXT,
    value="REASON",
    help="run in a freeze: the reason is recorded",
)
REASON = Option("--reason", group=OTHER, kind=TEXT, value="TEXT", help="why: it is kept in the ledger")
EVIDENCE = Option(
    "--evidence",
    group=OTHER,
    kind=TEXT,
    value="FILE",
    help="what stands where it is promoted from, as a signed file: that place is not asked",
)
SIGN = Option("--sign", group=OTHER, kind=TEXT, value="KEY", help="sign the file with this key of ssh")
DETAILED = Option("--detailed-exitcode", group=LOOK, help="with --check: exit 10 when changes are pending")

FROM = Option(
    "--from",
    group=OTHER,
    kind=CHOICE,
    choices=(
        "auto",
        "drizzle",
        "flyway",
        "liquibase",
        "alembic",
        "dbmate",
        "golang-migrate",
        "goose",
        "prisma",
        "sqitch",
        "rails",
        "django",
        "pgroll",
        "atlas",
        "sql",
    ),
    default="auto",
    to="tool",
    help="the tool whose migrations a folder holds (default: told by its files)",
)

PLAY = Spec(
    "",
    "make the database what the playbook says",
    run="wgm_play.cli.play:run",
    arguments=(PLAYBOOKS,),
    options=(
        CHECK,
        DIFF,
        DETAILED,
        Option("--save-plan", group=LOOK, kind=TEXT, value="FILE", help="with --check: save the plan for review"),
        Option(
            "--plan", group=LOOK, kind=TEXT, value="FILE", help="run exactly this reviewed plan, or refuse (exit 11)"
        ),
        Option("--list-steps", group=LOOK, aliases=("--list-tasks",), help="name the steps, run nothing"),
        Option("--list-tags", group=LOOK, help="name the tags, run nothing"),
        Option("--list-hosts", group=LOOK, aliases=("--list-targets",), help="name the targets, run nothing"),
        Option("--syntax-check", group=LOOK, help="check the playbook without a database"),
        Option("-t", "--tags", group=CHOOSE, kind=LIST, value="TAGS", help="only steps with one of these tags (a,b)"),
        Option("--skip-tags", group=CHOOSE, kind=LIST, value="TAGS", help="no step with one of these tags"),
        Option(
            "--start-at-step",
            group=CHOOSE,
            kind=TEXT,
            value="NAME",
            aliases=("--start-at-task",),
            help="leave out the steps before this one",
        ),
        Option("--step", group=CHOOSE, help="ask before each step"),
        *TARGET_OPTIONS,
        DESTRUCTIVE,
        NO_TRASH,
        Option("--assume-no-renames", group=ALLOW, help="what disappears and what appears are two things"),
        NO_BACKUP,
        KILL_BLOCKERS,
        OVERRIDE_PROMOTION,
        OVERRIDE_FREEZE,
        REVISION,
        EVIDENCE,
        Option("--record", group=OTHER, help="record a run that finds nothing to do too, as evidence for a promotion"),
        Option("--watch", group=OTHER, help="apply again at every saved change (development)"),
        Option("--upgrade", group=OTHER, help="carry the data of an embedded server over to another major version"),
        *OUTPUT_OPTIONS,
    ),
    examples=(
        ("wgm-play development.yml", "make it so"),
        ("wgm-play production.yml --check --diff", "what would happen: SQL, locks, hazards"),
        ("wgm-play production.yml --check --save-plan p.json", "write the plan down, review it, then"),
        ("wgm-play production.yml --plan p.json", "run exactly that plan"),
        ("wgm-play rollback production.yml", "take the last run back"),
    ),
)

COMMANDS = {
    spec.name: spec
    for spec in (
        Spec(
            "rollback",
            "go back to the state before the last run, or just after a given run",
            run="wgm_play.cli.rollback:run",
            about="Two rollbacks go two runs back. What was removed comes back with its rows, from the trash.",
            arguments=(PLAYBOOK,),
            options=(
                CHECK,
                DIFF,
                DETAILED,
                Option(
                    "--to",
                    group=CHOOSE,
                    kind=NUMBER,
                    value="RUN",
                    to="to_run",
                    help="the state just after this run (status lists them)",
                ),
                DESTRUCTIVE,
                NO_TRASH,
                NO_BACKUP,
                KILL_BLOCKERS,
                REASON,
                OVERRIDE_FREEZE,
                *ONE_PLAYBOOK,
            ),
            examples=(
                ("wgm-play rollback production.yml --check --diff", "what it would do"),
                ("wgm-play rollback production.yml --to 12", "the state just after run 12"),
            ),
        ),
        Spec(
            "promote",
            "run what another environment has tried, with its evidence",
            run="wgm_play.cli.promote:run",
            about="The environment says where it is promoted from: `promotion: {from: staging, soak: 24h}`.",
            arguments=(
                CommandArgument("PLAYBOOK", PLAYBOOK.help + "; --verify needs none", to="playbook", required=False),
            ),
            options=(
                Option(
                    "-C", "--check", group=LOOK, help="tell what is missing, what would lift it and who can (exit 11)"
                ),
                Option("--plan", group=LOOK, kind=TEXT, value="FILE", help="run exactly this reviewed plan"),
                Option(
                    "--prepare", group=ALLOW, help="let the environment's approvers write approvals into the ledger"
                ),
                Option("--release", group=ALLOW, help="let what a rollback took back be run again (with --reason)"),
                Option(
                    "--pins",
                    group=ALLOW,
                    help="move the pins of step files to what stands where it is promoted from (with --check: tell which)",
                ),
                Option(
                    "--export",
                    group=OTHER,
                    kind=TEXT,
                    value="FILE",
                    help="write what stands here to a file (with --sign)",
                ),
                SIGN,
                EVIDENCE,
                Option(
                    "--verify", group=LOOK, kind=TEXT, value="FILE", help="tell offline who signed a file of evidence"
                ),
                REASON,
                DESTRUCTIVE,
                NO_BACKUP,
                KILL_BLOCKERS,
                OVERRIDE_PROMOTION,
                OVERRIDE_FREEZE,
                REVISION,
                *ONE_PLAYBOOK,
            ),
            examples=(
                ("wgm-play promote production.yml --check", "what is missing"),
                ("wgm-play promote production.yml", "run it, with its evidence"),
                ("wgm-play promote staging.yml --export evidence.json --sign ~/.ssh/id_ed25519", "for elsewhere"),
            ),
        ),
        Spec(
            "approve",
            "approve a saved plan, so that it may be run",
            run="wgm_play.cli.approve:run",
            about="It counts for exactly this file, from a login that the ledger's server knows, or from a key of allowed_signers.",
            arguments=(CommandArgument("PLAN", "a plan that --check --save-plan wrote", to="plan"),),
            options=(
                Option(
                    "--sign",
                    group=OTHER,
                    kind=TEXT,
                    value="KEY",
                    help="write a file signed by this key of ssh; no database is asked",
                ),
                Option(
                    "--playbook",
                    group=WHERE,
                    kind=TEXT,
                    value="FILE",
                    help="the playbook, where it is not where the plan says",
                ),
                REASON,
                *ONE_PLAYBOOK,
            ),
            examples=(
                ("wgm-play approve plan.json --url postgresql://ben@db/shop", "as the login ben"),
                ("wgm-play approve plan.json --sign ~/.ssh/id_ed25519", "as a file beside the plan"),
            ),
        ),
        Spec(
            "analyze",
            "what queries cost and how they are planned; what a change does to that",
            run="wgm_play.cli.analyze:run",
            about="Looks at the play's `queries:` and at the dearest that the server counted. Nothing is run, nothing is reset, "
            "and nothing is written but by --record. Exit 12 where a finding is as severe as --fail-on.",
            arguments=(PLAYBOOK,),
            options=(
                Option(
                    "--top",
                    group=CHOOSE,
                    kind=NUMBER,
                    value="N",
                    default=10,
                    help="so many of the queries that take most time on the server (default: 10)",
                ),
                Option(
                    "--stats",
                    group=CHOOSE,
                    kind=TEXT,
                    value="FILE",
                    help="plan by the statistics that `wgm-play stats` wrote, as of production: no rows are needed",
                ),
                Option(
                    "--record",
                    group=OTHER,
                    help="keep counts and plans in the ledger: the next time what came since is told",
                ),
                REPORT,
                fail_on("warning"),
                *ONE_PLAYBOOK,
            ),
            examples=(
                ("wgm-play analyze production.yml", "also what edits that wait would do to plans"),
                ("wgm-play analyze production.yml --record --format json", "every hour"),
            ),
        ),
        Spec(
            "checklist",
            "seven points before a deployment, with their evidence",
            run="wgm_play.cli.checklist:run",
            about="Exit 12 when a point is missing.",
            arguments=(PLAYBOOK,),
            options=(REVISION, EVIDENCE, *ONE_PLAYBOOK),
            examples=(("wgm-play checklist production.yml", ""),),
        ),
        Spec(
            "freeze",
            "block changes to an environment until a given time",
            run="wgm_play.cli.freeze:run",
            about="Runs and rollbacks are refused (exit 11) until then, or until it is lifted; --override-freeze REASON goes past it.",
            arguments=(PLAYBOOK,),
            options=(
                Option(
                    "--until",
                    group=CHOOSE,
                    kind=TEXT,
                    value="TIME",
                    help="when it ends: 2026-12-27, 2026-12-24 18:00, or 4h from now (default: until it is lifted)",
                ),
                Option("--lift", group=ALLOW, help="end it"),
                REASON,
                *ONE_PLAYBOOK,
            ),
            examples=(
                ('wgm-play freeze production.yml --until 2026-12-27 --reason "the holidays"', ""),
                ("wgm-play freeze production.yml --lift", ""),
            ),
        ),
        Spec(
            "status",
            "history, and the run in progress: its step, its progress, who blocks it",
            run="wgm_play.cli.status:run",
            arguments=(CommandArgument("PLAYBOOK...", PLAYBOOK.help, to="playbooks", required=False, many=True),),
            options=(
                Option(
                    "--all",
                    group=CHOOSE,
                    help="which revision stands in which environment, and each step: of these playbooks, or of all that are here",
                ),
                REVISION,
                *ONE_PLAYBOOK,
            ),
            examples=(
                ("wgm-play status production.yml", ""),
                ("wgm-play status --all", "the matrix of revisions, steps and environments"),
            ),
        ),
        Spec(
            "url",
            "the URL at which an application reaches the database",
            run="wgm_play.cli.url:run",
            about="The password of a server that is not embedded is masked.",
            arguments=(PLAYBOOK,),
            options=(
                Option("--password", group=OUTPUT, help="write the password too, for a script"),
                *ONE_PLAYBOOK,
            ),
            examples=(("wgm-play url development.yml", "as in psql $(wgm-play url development.yml)"),),
        ),
        Spec(
            "abort",
            "end a hung run on the server; the same playbook resumes it",
            run="wgm_play.cli.abort:run",
            arguments=(PLAYBOOK,),
            options=ONE_PLAYBOOK,
            examples=(("wgm-play abort production.yml", ""),),
        ),
        Spec(
            "pause",
            "let a backfill in progress rest until `resume`",
            run="wgm_play.cli.steer:pause",
            arguments=(PLAYBOOK,),
            options=ONE_PLAYBOOK,
            examples=(("wgm-play pause production.yml", ""),),
        ),
        Spec(
            "resume",
            "let a backfill go on, with longer or shorter batches if asked",
            run="wgm_play.cli.steer:resume",
            arguments=(PLAYBOOK,),
            options=(
                Option(
                    "--batch-ms", group=CHOOSE, kind=NUMBER, value="MS", help="how long a batch may take (default: 100)"
                ),
                *ONE_PLAYBOOK,
            ),
            examples=(("wgm-play resume production.yml --batch-ms 50", "smaller batches, more rest"),),
        ),
        Spec(
            "check",
            "one report of drift, integrity, health, alerts and backups",
            run="wgm_play.cli.check:run",
            about="Exit 12 from a warning on. Objects that no playbook mentions, and edits of the playbook that were not "
            "applied yet, are advice. What is known and meant is acknowledged in the playbook.",
            arguments=(PLAYBOOK,),
            options=(
                Option("--deep", group=LOOK, help="read the rows too: orphans, constraints, bodies, the newest backup"),
                Option(
                    "--only",
                    group=LOOK,
                    kind=LIST,
                    value="PARTS",
                    help="only these parts: drift, health, alerts, backups (a,b); drift alone plans nothing",
                ),
                Option("--rules", group=OUTPUT, kind=TEXT, value="FILE", help="write the alerts as Prometheus rules"),
                Option(
                    "--metrics",
                    group=OUTPUT,
                    kind=TEXT,
                    value="FILE",
                    help="write their values as metrics, for node_exporter's textfile collector",
                ),
                Option("--record", group=OTHER, help="keep the states of the alerts in the ledger (for cron)"),
                REPORT,
                fail_on("warning"),
                *ONE_PLAYBOOK,
            ),
            examples=(
                ("wgm-play check production.yml --format json", "for a scheduler"),
                ("wgm-play check production.yml --deep --report junit:check.xml", "for continuous integration"),
                ("wgm-play check production.yml --report nagios:-", "for Nagios and its like"),
                ("wgm-play check production.yml --rules wgm.rules.yml --metrics wgm.prom", "for Prometheus"),
            ),
        ),
        Spec(
            "alerts",
            "render the alerts for Prometheus, compare them with a live page, try them out",
            run="wgm_play.cli.alerts:run",
            about="render writes rules.yml, rules_test.yml, alertmanager.yml, sql_exporter.yml, justwatch_sql_exporter.yml, "
            "postgres_exporter.yml and dashboard.json, and asks no database. lint tells the series that rules name and a page of metrics has not. "
            "drill brings an alert's condition about on a scratch server, where it must fire, and end.",
            arguments=(
                PLAYBOOK,
                CommandArgument("render|lint|drill", "what to do", to="action", required=False),
                CommandArgument(
                    "NAME...",
                    "with drill: these alerts (default: all that can be)",
                    to="names",
                    required=False,
                    many=True,
                ),
            ),
            options=(
                Option("--output", group=OUTPUT, kind=TEXT, value="DIR", help="with render: the folder for the files"),
                Option(
                    "--exporter",
                    group=CHOOSE,
                    kind=CHOICE,
                    choices=("wgm-play", "sql_exporter", "justwatch_sql_exporter", "postgres_exporter"),
                    default="wgm-play",
                    help="whose series the rules name (default: wgm-play, of `metrics` and `check --metrics`)",
                ),
                Option(
                    "--against",
                    group=WHERE,
                    kind=TEXT,
                    value="URL|FILE",
                    help="with lint: a page of metrics, several with commas",
                ),
                Option(
                    "--database",
                    group=WHERE,
                    kind=TEXT,
                    value="NAME",
                    help="the database, where the environment does not say",
                ),
                Option(
                    "--server-version",
                    group=WHERE,
                    kind=NUMBER,
                    value="MAJOR",
                    help="the server that exporters ask, or that a drill starts (default: the environment's, or 18)",
                ),
                *ONE_PLAYBOOK,
            ),
            examples=(
                (
                    "wgm-play alerts production.yml render --output alerts",
                    "then: promtool test rules alerts/rules_test.yml",
                ),
                ("wgm-play alerts production.yml lint --against http://127.0.0.1:9188/metrics", ""),
                ("wgm-play alerts production.yml drill InvalidIndex", ""),
            ),
        ),
        Spec(
            "metrics",
            "serve the alerts and the database's own numbers for Prometheus",
            run="wgm_play.cli.metrics:run",
            about="Each query has its own interval and its own time limit, and whoever scrapes waits for none. Names and "
            "counts alone are told, at most 2,000 series: what is left out is counted, what is there is the worst.",
            arguments=(PLAYBOOK,),
            options=(
                Option(
                    "--listen",
                    group=OUTPUT,
                    kind=TEXT,
                    value="HOST:PORT",
                    help="serve http://HOST:PORT/metrics until Ctrl-C",
                ),
                Option(
                    "--textfile",
                    group=OUTPUT,
                    kind=TEXT,
                    value="FILE",
                    help="write the page once, for node_exporter's textfile collector (cron)",
                ),
                Option(
                    "--interval",
                    group=OTHER,
                    kind=NUMBER,
                    value="SECONDS",
                    default=30,
                    help="how often an alert is evaluated (default: 30)",
                ),
                *ONE_PLAYBOOK,
            ),
            examples=(
                ("wgm-play metrics production.yml --listen 127.0.0.1:9188", "under systemd"),
                ("wgm-play metrics production.yml --textfile /var/lib/prometheus/node-exporter/wgm.prom", "by cron"),
            ),
        ),
        Spec(
            "stats",
            "sizes, traffic and planner statistics as a file, for reviews without access",
            run="wgm_play.cli.stats:run",
            about="What the planner knows, and no row: with --values none no value of any row is in the file, with hashed the "
            "most common ones are digests. The role needs no more than to read; what it is not shown is named in the file. "
            "`diff` and `lint` take the file with --stats.",
            arguments=(PLAYBOOK,),
            options=(
                Option(
                    "--values",
                    group=CHOOSE,
                    kind=CHOICE,
                    choices=("none", "hashed", "full"),
                    default="none",
                    to="values_told",
                    help="what is told of values of rows: none, hashed (whether two are equal), full (default: none)",
                ),
                Option(
                    "--output",
                    group=OUTPUT,
                    kind=TEXT,
                    value="FILE",
                    help="the file to write (default: standard output)",
                ),
                *ONE_PLAYBOOK,
            ),
            examples=(
                ("wgm-play stats production.yml --output environments/production.stats.json", "then, by anybody:"),
                ("wgm-play diff playbooks/production.yml --against main", "with production's sizes"),
            ),
        ),
        Spec(
            "report",
            "a run, and how the database is now, as one HTML page",
            run="wgm_play.cli.report:run",
            about="What changed, the tables before and after, each statement with its time and its lock, what `check` finds, "
            "alerts and backups. The page loads nothing from anywhere.",
            arguments=(PLAYBOOK,),
            options=(
                Option("--output", group=OUTPUT, kind=TEXT, value="FILE", help="the page to write"),
                Option(
                    "--run",
                    group=CHOOSE,
                    kind=NUMBER,
                    value="RUN",
                    to="run_number",
                    help="this run (default: the last one)",
                ),
                Option("--deep", group=LOOK, help="read the rows too, as `check --deep`"),
                *ONE_PLAYBOOK,
            ),
            examples=(("wgm-play report production.yml --output report.html", "for who was not there"),),
        ),
        Spec(
            "backup",
            "make a backup now, as the policy of the playbook says",
            run="wgm_play.cli.backup:run",
            arguments=(PLAYBOOK,),
            options=(
                Option("--if-due", group=CHOOSE, help="only where no verified backup is younger than backup.max_age"),
                *ONE_PLAYBOOK,
            ),
            examples=(
                ("wgm-play backup production.yml", ""),
                ("wgm-play backup production.yml --if-due", "for cron"),
            ),
        ),
        Spec(
            "backups",
            "list the backups",
            run="wgm_play.cli.backups:run",
            arguments=(PLAYBOOK,),
            options=ONE_PLAYBOOK,
            examples=(("wgm-play backups production.yml", ""),),
        ),
        Spec(
            "wal",
            "receive the cluster's WAL, so that a physical backup can be restored to any moment",
            run="wgm_play.cli.wal:run",
            about="It runs until Ctrl-C or SIGTERM ends it in order; a connection that breaks off is made again. One receives at a time.",
            arguments=(PLAYBOOK,),
            options=(
                Option("--systemd", group=OTHER, help="print the unit that keeps it running, and do nothing else"),
                Option("--commits", group=OTHER, help="show what was committed lately, and the LSN just before each"),
                Option(
                    "--table",
                    group=CHOOSE,
                    kind=LIST,
                    value="NAME",
                    help="with --commits: those that changed this table",
                ),
                Option(
                    "--since",
                    group=CHOOSE,
                    kind=TEXT,
                    value="TIME",
                    help="with --commits: not those before a time, or longer ago than 2h (1h)",
                ),
                *ONE_PLAYBOOK,
            ),
            examples=(
                ("wgm-play wal production.yml", "until Ctrl-C"),
                ("wgm-play wal production.yml --systemd", ""),
                ("wgm-play wal production.yml --commits --table tasks", "which commit did it, and the moment before"),
            ),
        ),
        Spec(
            "schedule",
            "the play's jobs: list them, write them for systemd, cron or pg_cron",
            run="wgm_play.cli.schedule:run",
            about='The play says what is done and when: `schedule: [{name: nightly backup, run: backup, at: "02:00"}]`. '
            "`check` tells what is overdue.",
            arguments=(PLAYBOOK,),
            options=(
                Option(
                    "--systemd", group=OUTPUT, kind=TEXT, value="DIR", help="write a service and a timer for each job"
                ),
                Option("--cron", group=OUTPUT, kind=TEXT, value="FILE", help="write a file for /etc/cron.d"),
                Option(
                    "--pg-cron", group=OUTPUT, help="print the statements that let pg_cron do the jobs that are SQL"
                ),
                Option(
                    "--run",
                    group=CHOOSE,
                    kind=TEXT,
                    value="NAME",
                    to="job",
                    help="do this job now, and record it: what timers call",
                ),
                *ONE_PLAYBOOK,
            ),
            examples=(
                ("wgm-play schedule production.yml", "what is done when, and when it was done last"),
                ("wgm-play schedule production.yml --systemd units", "then copy them to /etc/systemd/system"),
            ),
        ),
        Spec(
            "pool",
            "write PgBouncer's configuration, sized from the server and the application's needs",
            run="wgm_play.cli.pool:run",
            about="The play says what the application needs: `pool: {mode: transaction, clients: 500}`. render writes "
            "pgbouncer.ini, with the reason for each number, and auth_query.sql, the function by which PgBouncer asks for "
            "passwords. The server is asked where it answers. `check` compares the live PgBouncer.",
            arguments=(PLAYBOOK, CommandArgument("render", "what to do", to="action", required=False)),
            options=(
                Option(
                    "--output",
                    group=OUTPUT,
                    kind=TEXT,
                    value="DIR",
                    help="the folder for the files (default: show them)",
                ),
                Option(
                    "--database",
                    group=WHERE,
                    kind=TEXT,
                    value="NAME",
                    help="the database, where the environment does not say",
                ),
                *ONE_PLAYBOOK,
            ),
            examples=(
                ("wgm-play pool production.yml render", "to read it"),
                ("wgm-play pool production.yml render --output pool", "then copy pgbouncer.ini to /etc/pgbouncer"),
            ),
        ),
        Spec(
            "restore",
            "restore a backup, into another database or in place",
            run="wgm_play.cli.restore:run",
            arguments=(PLAYBOOK,),
            options=(
                Option("--backup", group=CHOOSE, kind=TEXT, value="ID", help="this backup (default: the newest)"),
                Option(
                    "--at",
                    group=CHOOSE,
                    kind=TEXT,
                    value="MOMENT",
                    help="the state at a time, run:ID, lsn:X/Y, name:RESTORE_POINT, or latest",
                ),
                Option(
                    "--into",
                    group=WHERE,
                    kind=TEXT,
                    value="TARGET",
                    help="the database to restore into, which is empty or does not exist: a name or a URL; dir:PATH for a whole cluster",
                ),
                Option(
                    "--in-place",
                    group=WHERE,
                    help="restore beside the playbook's own database, then exchange their names in one moment; the old one is kept."
                    " A physical backup exchanges data directories: the environment says `server: {data, stop, start}`",
                ),
                Option(
                    "--whole-cluster",
                    group=ALLOW,
                    help="with --in-place of a physical backup: the cluster's other databases may go back as well",
                ),
                Option(
                    "--table",
                    group=CHOOSE,
                    kind=LIST,
                    value="NAME",
                    help="bring this table alone, with its rows, into the schema wgm_restored of the playbook's own database, or of a"
                    " database that is there by --into (repeatable)",
                ),
                Option("--yes", group=ALLOW, help="with --in-place: do not ask"),
                Option(
                    "--masked",
                    group=ALLOW,
                    help="with --into: columns that say `mask` are masked before anybody can connect to the copy",
                ),
                *ONE_PLAYBOOK,
            ),
            examples=(
                ("wgm-play restore production.yml --into wasteland_yesterday", "the newest backup"),
                ("wgm-play restore production.yml --in-place", "puts the newest backup in the place of the database"),
                (
                    "wgm-play restore production.yml --table tasks --at run:17",
                    "rows of before a run, beside those of now",
                ),
            ),
        ),
        Spec(
            "drill",
            "restore the newest backup on a scratch server, check it, measure it",
            run="wgm_play.cli.drill:run",
            about="The scratch server can touch nothing else, and is gone afterwards. Exit 12 when something is found. The "
            "ledger keeps the result: with `drill: {every: 7d}` a run is refused without a young one.",
            arguments=(PLAYBOOK,),
            options=(
                Option("--backup", group=CHOOSE, kind=TEXT, value="ID", help="this backup (default: the newest)"),
                REPORT,
                fail_on("warning"),
                *ONE_PLAYBOOK,
            ),
            examples=(("wgm-play drill production.yml", "for cron, once a week"),),
        ),
        Spec(
            "lint",
            "hazards of migrations and playbooks, from their text alone",
            run="wgm_play.cli.lint:run",
            about="No database is asked and nothing is executed. Without sizes a table is taken as large; one that the same "
            "file makes is new. Exit 12 when something is found at or above --fail-on.",
            arguments=(
                CommandArgument(
                    "PATH...",
                    "playbooks, SQL files, folders of migrations (in the order of their tool)",
                    to="paths",
                    many=True,
                ),
            ),
            options=(
                FROM,
                Option(
                    "--rows",
                    group=VALUES,
                    kind=LIST,
                    value="TABLE=NUMBER",
                    help="how many rows a table has, as in tasks=40M",
                ),
                Option(
                    "--stats",
                    group=VALUES,
                    kind=TEXT,
                    value="FILE",
                    help="the same from a file of `wgm-play stats` (default: the environment's), or JSON of tables and numbers",
                ),
                Option(
                    "--environment",
                    group=WHERE,
                    kind=TEXT,
                    value="NAME",
                    help="hold SQL to the `lint:` of environments/NAME.yml",
                ),
                TARGET_OPTIONS[0],
                Option(
                    "--against",
                    group=CHOOSE,
                    kind=TEXT,
                    value="GITREF",
                    help="read all, tell only of files that differ from this",
                ),
                Option("--all", group=OUTPUT, to="all_", help="show advice and what is acknowledged, too"),
                Option("--fix", group=OTHER, help="write the safe form into SQL files, where there is one"),
                fail_on(None),
                REPORT,
                *OUTPUT_OPTIONS,
            ),
            examples=(
                ("wgm-play lint migrations/", "a folder of Flyway, Liquibase, Alembic, dbmate, Drizzle, Prisma, ..."),
                ("wgm-play lint migrations/ --against origin/main", "only what this branch adds"),
                ("wgm-play lint change.sql --rows tasks=40M --report sarif:lint.sarif", "with sizes, for a code scan"),
            ),
        ),
        Spec(
            "rehearse",
            "the run, its rollback and the run again on a copy of the database: compared, measured, certified",
            run="wgm_play.cli.rehearse:run",
            about="The copy is made of the newest backup on a scratch server that can touch nothing else. Exit 12 when "
            "something is found. The certificate is in the ledger and in a file; `policy: {require: [rehearsal]}` of an "
            "environment refuses a run that has none.",
            arguments=(PLAYBOOK,),
            options=(
                Option("--backup", group=CHOOSE, kind=TEXT, value="ID", help="this backup (default: the newest)"),
                Option("--synthetic", group=CHOOSE, help="no backup: rows made from the statistics; no certificate"),
                Option(
                    "--replay",
                    group=OTHER,
                    kind=TEXT,
                    value="FILE",
                    help="run it once more beside this load: a pgbench script, or `top`, the statements of pg_stat_statements",
                ),
                Option(
                    "--output",
                    group=OUTPUT,
                    kind=TEXT,
                    value="FILE",
                    help="the certificate's file (default: in .wgm/rehearsals/)",
                ),
                REPORT,
                fail_on("warning"),
                *ONE_PLAYBOOK,
            ),
            examples=(("wgm-play rehearse production.yml", "after wgm-play backup production.yml"),),
        ),
        Spec(
            "inspect",
            "write a playbook that declares a live database, or adopt it",
            run="wgm_play.cli.inspect:run",
            about="The playbook rebuilds the database exactly; what no step can say is named. Without --output it goes "
            "to standard output. Nothing is written to the database, except by --baseline.",
            arguments=(
                CommandArgument(
                    "DSN", "a connection string: postgresql://USER@HOST/DATABASE", to="dsn", required=False
                ),
            ),
            options=(
                Option(
                    "-o",
                    "--output",
                    group=OTHER,
                    kind=TEXT,
                    value="FILE|DIR",
                    help="FILE.yml: one document; DIR: a project with several files",
                ),
                Option(
                    "--split",
                    group=OTHER,
                    kind=CHOICE,
                    choices=("by-domain", "by-schema", "by-kind"),
                    default="by-domain",
                    help="the files of DIR: tables that refer to one another with all that is theirs, schemas, or kinds",
                ),
                Option(
                    "--environment",
                    group=WHERE,
                    kind=TEXT,
                    value="NAME",
                    default="production",
                    help="the environment that the playbook is for (default: production)",
                ),
                Option(
                    "--update",
                    group=OTHER,
                    kind=TEXT,
                    value="PLAYBOOK",
                    help="bring what drifted into this playbook, changing only the lines concerned (DSN: default its environment's)",
                ),
                Option("--baseline", group=OTHER, help="adopt: record the present state in the ledger as run 0"),
                Option(
                    "--import",
                    group=OTHER,
                    kind=FOLDER,
                    value="FOLDER",
                    to="folder",
                    help="make the playbook from a folder of another tool's migrations, or from a schema's file (schema.prisma, structure.sql, schema.rb, *.hcl)",
                ),
                FROM,
                Option(
                    "--url",
                    group=WHERE,
                    kind=TEXT,
                    value="DSN",
                    help="the database to read, as DSN; with --import: the server that tries the migrations (default: the embedded one)",
                ),
                Option("-C", "--check", group=LOOK, help="with --update: show what would change, write nothing"),
                Option("-D", "--diff", group=LOOK, help="with --update: show the lines that change"),
                *(one for one in TARGET_OPTIONS if one.to in ("inventory", "limit", "extra_vars")),
                *OUTPUT_OPTIONS,
            ),
            examples=(
                ("wgm-play inspect postgresql://app@db/shop --output shop", "a project in the folder shop"),
                ("wgm-play inspect postgresql://app@db/shop --baseline", "adopt it as it is"),
                ("wgm-play inspect --update production.yml --check", "what drifted, as changed lines of the playbook"),
                ("wgm-play inspect --import drizzle/ --output shop", "from the migrations of another tool"),
            ),
        ),
        Spec(
            "trash",
            "list what lies in the trash; bring one object back beside what is live",
            run="wgm_play.cli.trash:run",
            about="What is brought back gets its old name, or NAME_restored where that is taken. A rollback brings all of a "
            "run back in its place.",
            arguments=(
                PLAYBOOK,
                CommandArgument(
                    "list|restore",
                    "list (default): what lies there; restore: bring NAME back",
                    to="action",
                    required=False,
                ),
                CommandArgument("NAME", "its name before, or the one in the trash", to="name", required=False),
            ),
            options=(
                CHECK,
                DIFF,
                Option(
                    "--as",
                    group=OTHER,
                    kind=TEXT,
                    value="NAME",
                    to="wanted",
                    help="the name that it gets, also SCHEMA.NAME",
                ),
                *ONE_PLAYBOOK,
            ),
            examples=(
                ("wgm-play trash production.yml", "what lies there"),
                ("wgm-play trash production.yml restore tasks --as tasks_of_may", "one table, with its rows"),
            ),
        ),
        Spec(
            "diff",
            "what a branch will do to the databases; how two playbooks differ",
            run="wgm_play.cli.diff:run",
            about="No database is asked: both states are made on a scratch server of our own. Exits 0 whatever it shows.",
            arguments=(
                CommandArgument(
                    "PLAYBOOK...", "a playbook, or two: the old one and the new one", to="playbooks", many=True
                ),
            ),
            options=(
                Option(
                    "--against",
                    group=CHOOSE,
                    kind=TEXT,
                    value="GITREF",
                    help="compare with the files of git where this branch began, on its way from GITREF",
                ),
                Option(
                    "--stats",
                    group=VALUES,
                    kind=TEXT,
                    value="FILE",
                    help="take sizes, times and the server's version from a file of `wgm-play stats` (default: the environment's)",
                ),
                Option(
                    "--also-open",
                    group=CHOOSE,
                    kind=LIST,
                    value="GITREF",
                    help="another branch: name what it changes too",
                ),
                REPORT,
                fail_on(None),
                *(one for one in TARGET_OPTIONS if "--url" not in one.names),
                Option(
                    "--format",
                    group=OUTPUT,
                    kind=CHOICE,
                    to="form",
                    choices=("text", "json", "markdown", "sarif", "github", "gitlab", "junit"),
                    default="text",
                    help="text and markdown for people; json, sarif, github, gitlab, junit for programs",
                ),
                *(one for one in OUTPUT_OPTIONS if "--format" not in one.names),
            ),
            examples=(
                ("wgm-play diff production.yml --against main", "what this branch does"),
                ("wgm-play diff staging.yml production.yml", "what production has that staging has not"),
                ("wgm-play diff production.yml --against main --report markdown:review.md --format github", "in CI"),
            ),
        ),
        Spec(
            "why",
            "where an object comes from: the lines that say it, the run that made it",
            run="wgm_play.cli.why:run",
            about="All playbooks of the project are looked through. The ledger is asked where its database can be reached.",
            arguments=(CommandArgument("NAME", "TABLE, TABLE.COLUMN, or the name of any object", to="name"),),
            options=(
                Option("--playbook", group=WHERE, kind=LIST, value="FILE", to="playbooks", help="only this playbook"),
                *ONE_PLAYBOOK,
            ),
            examples=(
                ("wgm-play why tasks.due", "a column"),
                ("wgm-play why touch_updated_at --playbook production.yml", "a function, in one playbook"),
            ),
        ),
        Spec(
            "lsp",
            "for editors: diagnostics, hover, definitions, completion, quick fixes",
            run="wgm_play.cli.lsp:run",
            about="Speaks the Language Server Protocol on standard input and output; `wgm-play doc editors` tells how an editor "
            "starts it. No database is asked, but the one that --live names.",
            options=(
                Option(
                    "--no-scratch",
                    group=LOOK,
                    help="start no scratch server: what only PostgreSQL can tell is left out",
                ),
                Option(
                    "--live",
                    group=WHERE,
                    kind=TEXT,
                    value="ENVIRONMENT",
                    help="show in hovers what this environment's database has, read only",
                ),
                *OUTPUT_OPTIONS,
            ),
            examples=(("wgm-play lsp", "as an editor calls it"), ("wgm-play lsp --live development", "")),
        ),
        Spec(
            "comment",
            "post reviews to the pull or merge request, one comment each, kept up to date",
            run="wgm_play.cli.comment:run",
            about="Runs in a job of the CI server and reads where it is from that server's variables. Only comments of its own "
            "account that carry its mark are changed.",
            arguments=(
                CommandArgument("FILE...", "reviews, as diff --report json:FILE writes them", to="files", many=True),
            ),
            options=(
                Option(
                    "-C", "--check", group=LOOK, help="show what would be written; nobody is asked, nothing is sent"
                ),
                Option("--github", group=WHERE, help="a pull request of GitHub; the token is in GITHUB_TOKEN"),
                Option("--gitlab", group=WHERE, help="a merge request of GitLab; the token is in GITLAB_TOKEN"),
                Option(
                    "--number",
                    group=WHERE,
                    kind=NUMBER,
                    value="N",
                    help="the number of the request (default: the one that the event of the CI server is about)",
                ),
                Option(
                    "--account",
                    group=WHERE,
                    kind=TEXT,
                    value="NAME",
                    help="the account of the token, where the token may not ask for it",
                ),
                *OUTPUT_OPTIONS,
            ),
            examples=(
                ("wgm-play comment review.json --check", "the text, at home"),
                ("wgm-play comment --github review.json", "in a workflow"),
                ("wgm-play comment --gitlab review.json", "in a pipeline"),
            ),
        ),
        Spec(
            "purge",
            "empty the trash of what has outlived its retention",
            run="wgm_play.cli.purge:run",
            arguments=(PLAYBOOK,),
            options=ONE_PLAYBOOK,
            examples=(("wgm-play purge production.yml", ""),),
        ),
        Spec(
            "stop",
            "stop the embedded server of a project",
            run="wgm_play.cli.stop:run",
            about="Its data stay; the next run starts it again.",
            arguments=(CommandArgument("PLAYBOOK", "a playbook whose environment is embedded", to="playbook"),),
            options=(TARGET_OPTIONS[0], *OUTPUT_OPTIONS),
            examples=(("wgm-play stop development.yml", ""),),
        ),
        Spec(
            "init",
            "start a project: a folder that works at once",
            run="wgm_play.cli.init:run",
            arguments=(CommandArgument("DIR", "a new or empty folder; with --ci also a project", to="folder"),),
            options=(
                Option(
                    "--ci",
                    group=OTHER,
                    kind=CHOICE,
                    choices=("github", "gitlab"),
                    help="add the jobs of a CI server: review of branches, drift every morning, hooks for pre-commit",
                ),
                *OUTPUT_OPTIONS,
            ),
            examples=(
                ("wgm-play init shop && cd shop && wgm-play development.yml", ""),
                ("wgm-play init . --ci github", "in a project that is there"),
            ),
        ),
        Spec(
            "doc",
            "the documentation: a page, a key of it, a search, or all as a site",
            run="wgm_play.cli.doc:run",
            arguments=(
                CommandArgument(
                    "PAGE",
                    "a kind of step as table, a topic as play or environment, a guide, a hazard's code; a key as table.columns; "
                    "or: search WORD...",
                    to="words",
                    required=False,
                    many=True,
                ),
            ),
            options=(
                Option(
                    "--html", group=OTHER, kind=TEXT, value="DIR", help="write all pages as a site into this folder"
                ),
                *OUTPUT_OPTIONS,
            ),
            examples=(
                ("wgm-play doc", "all pages"),
                ("wgm-play doc table", "one kind, with its keys and examples"),
                ("wgm-play doc table.columns", "one key"),
                ("wgm-play doc search rename", "where something is told"),
                ("wgm-play doc --html site", "all pages as a site"),
            ),
        ),
        Spec(
            "completion",
            "shell completion of commands, options and files",
            run="wgm_play.cli.completion:run",
            arguments=(CommandArgument("bash|zsh|fish", "the shell", to="shell"),),
            options=OUTPUT_OPTIONS,
            examples=(
                ("wgm-play completion bash", 'in ~/.bashrc: eval "$(wgm-play completion bash)"; zsh and fish likewise'),
            ),
        ),
        Spec(
            "schema",
            "the JSON Schema of playbooks and environment files, for editors and CI",
            run="wgm_play.cli.schema:run",
            options=(
                Option(
                    "--output",
                    group=OTHER,
                    kind=CHOICE,
                    choices=("playbook", "environment", "run", "findings", "review", "stats"),
                    default="playbook",
                    to="subject",
                    help="playbook, environment: what these files may say; run: what --format json prints; findings: --report json; stats: what `stats` writes",
                ),
                *OUTPUT_OPTIONS,
            ),
            examples=(("wgm-play schema > playbook.schema.json", ""),),
        ),
    )
}
