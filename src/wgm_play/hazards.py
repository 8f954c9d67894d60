"""The pages of `wgm-play doc CODE`: what is dangerous about a change of a live database, and what is done instead.

In: a hazard's code. Out: its page. Each line of `HAZARDS` is: code | what is done | what happens | what we do.
"""

from __future__ import annotations

HAZARDS = """
C01|add a column with a default that differs from row to row|PostgreSQL writes the whole table and its indexes anew, and nobody may read or write meanwhile.|On a large table the column is added empty under a helper's name with its default for new rows, filled in batches, proved NOT NULL where that is wanted, and only then named.
C02|add a NOT NULL column without a default|It fails where there are rows, and writers that do not know the column fail afterwards.|Give it a `default` or a `backfill`; with a backfill large tables are filled in batches before NOT NULL is set.
C03|add a serial or identity column|The table is rewritten under a lock that stops everybody, to number the rows there are.|On a large table a helper column takes its numbers from a sequence in batches; it becomes the identity column at the end and goes on counting where the batches ended.
C04|add a column that references another table|A valid foreign key on a column with values is checked under a lock that stops writers of both tables.|The column comes first, the key NOT VALID after it, and the validation in a transaction of its own.
C05|add a stored generated column|The table is rewritten under a lock that stops everybody. A column cannot become generated later, so there is nothing to fill beforehand.|No online form: the plan says so. Use a virtual column (PostgreSQL 18), an expression index, a view, or an ordinary column kept by a trigger.
C06|set NOT NULL|All rows are read under a lock that stops everybody.|On a large table NULLs are filled in batches, a check NOT VALID forbids new ones, it is validated while everybody works, and NOT NULL then takes it for proof.
C07|allow NULL|Instant, but readers that never met a NULL may fail, and going back costs C06.|Done at once; the way back is the online form of C06.
C08|change a column's type|Unless the types share their bytes, table and indexes are written anew under a lock that stops everybody.|On a large table by expand and contract: a new column beside the old one, a trigger that keeps it in step, batches, indexes built concurrently, NOT NULL by a proven check, then one short transaction that swaps the names together with foreign keys and views. Old values that the new ones do not tell stay in the trash. Longer or unlimited texts and numbers, and timestamps under UTC, are changed in place. Not online, with the reason in the plan: partitioned or inherited tables, exclusion constraints, generated columns or materialized views over it, a value converted while its column is renamed.
C09|change or drop a column that others use|Views, policies, generated columns or publications stand in the way, or go on with the old column.|What is modelled steps aside and comes back with owner, privileges and comments in the same transaction; before a swap ends, anything else that still names the old column stops it.
C10|drop a column|Instant, but the values are gone and statements that name it fail.|It goes to the trash: default, NOT NULL and identity go, the values stay until the retention ends.
C11|rename a column|Every statement with the old name fails from that moment.|Only with `renamed_from`, never guessed. Release the application at the same time, or keep both names in a view for a while.
C12|change a default|Instant; rows that are there stay as they are.|Done at once. To change rows as well use `backfill`.
C13|change the expression of a generated column|Stored values are written anew under a lock that stops everybody.|Plain form; the plan names it. From PostgreSQL 17 in place, before that dropped and added.
C14|change storage, compression or statistics|A catalog change; only new values are affected.|Done at once, statistics with a lock that stops nobody.
C15|change what SELECT * or a prepared statement returns|A session that prepared it gets "cached plan must not change result type" (0A000) once.|Announced in the plan. Let drivers reconnect or DISCARD PLANS, or name the columns.
C16|add a column with UNIQUE, PRIMARY KEY or CHECK in one statement|The index is built or the table read under a lock that stops everybody.|They are separate changes, each in its online form.
C17|add and drop columns again and again|Dropped columns count against the limit of 1,600 columns for ever: VACUUM FULL does not free them.|Helpers of online forms, and what purge removes, are columns too. A plan that would run against the limit half-way is refused before anything is touched (11). A new table, filled and renamed, begins again at none.
C18|add a column whose type is a domain with constraints|The table is rewritten to check the domain.|Plain form on any table, and the plan says so; a domain without constraints rewrites nothing. Declare the base type with a check: that is K01.
K01|add a check|All rows are read under a lock that stops everybody.|NOT VALID first, which is instant and holds for new rows; validated in its own transaction under a lock that stops nobody.
K02|add a foreign key|Both tables take no writes while all rows are looked up.|NOT VALID first, then validated in its own transaction. A partitioned table takes it so from PostgreSQL 18 on; before that each partition's key is added and validated so, and the parent's takes the valid ones over without reading rows.
K03|validate in the transaction that added the constraint|The first lock is held while all rows are read: nothing is won.|Validation always has its own transaction.
K04|add a unique constraint|Its index is built under a lock that stops everybody.|The unique index is built concurrently under a helper's name, then becomes the constraint at once. On a partitioned table that is done with each partition's, and the parent's constraint takes them in.
K05|add a primary key|As K04, and a nullable column is read once more for NOT NULL.|NOT NULL first by C06, then K04.
K06|add an exclusion constraint|Its index cannot be built concurrently: everybody waits until it is done.|There is no online form; the plan says which lock it takes. Do it in a quiet hour, or on new partitions only.
K07|a foreign key to a busy table|Adding one stops writers of the table referred to; dropping one stops everybody on both.|Short lock waits, tried again; tables are locked in one order for everybody.
K08|a foreign key without an index behind it|Deleting or changing a parent row reads the whole child table.|`check` lists them; declare an index that begins with the key's columns.
K09|drop a constraint|Instant, but locks both tables of a foreign key, and bringing it back costs K01 to K05.|Short lock waits, tried again; rollback adds it by the online form.
K10|a check that depends on the time or on other rows|Restores fail, and rows that were right become wrong unseen.|Use a trigger, or keep the value in a column.
K11|NOT ENFORCED constraints|They are recorded and not kept.|Declare them only on purpose; they are compared like others.
K12|a foreign key over a collation that is not deterministic|PostgreSQL 18 wants the same collation on both sides; upgrades and restores stop.|Declare the same collation.
K13|change when a constraint is checked|Instant; transactions that relied on the old moment may fail.|Changed in place.
K14|foreign key and key of different types|Each check casts; indexes may not be used.|Give both one type: they change together by C08.
I01|create an index|Nobody may write while it is built.|CONCURRENTLY on a large table: two passes, nobody waits; it does wait for transactions older than itself. A new, empty or small table has it built in the transaction.
I02|CONCURRENTLY in a transaction|PostgreSQL refuses it (25001).|Each has its own step outside of a transaction.
I03|an INVALID index left behind|It costs every write and serves nobody, and IF NOT EXISTS takes it for done.|A failed build is dropped and tried again; the next run finds what a killed one left. IF NOT EXISTS is never used.
I04|a concurrent build that never ends|It waits for the oldest transaction of the database.|Preflight names long and prepared transactions; while it waits, the blockers are named.
I05|drop an index|Everybody on the table waits behind the drop.|CONCURRENTLY on a large table.
I06|drop an index that a constraint owns|PostgreSQL refuses it.|The constraint is dropped or changed instead.
I07|REINDEX|Writers wait, and readers as well, because planning looks at every index.|Replace an index by declaring it anew: built beside the old one, names swapped, the old one dropped concurrently.
I08|an index of a partitioned table|CONCURRENTLY is refused on the parent; the plain form stops writers of all partitions.|The index of each partition concurrently, attached one by one, is the safe way; where the plan shows the plain form, it says which lock it takes.
I09|concurrent builds on 14.0 to 14.3|They may miss rows.|Upgrade to 14.4 or later first.
I10|an index over many columns|It is rarely used whole and costs every write.|Advice only.
I11|redundant or unused indexes|They cost writes and memory.|`analyze` and `check` show them with their use.
I12|change a function that an index, check or stored column uses|Old entries were computed by the old function and silently stay.|What depends on the function steps aside and is made again.
I13|a collation of the system changed its version|Indexes over texts may be in the wrong order.|`check` tells it; rebuild the indexes, then refresh the version.
I14|change an index|Renaming is light; another tablespace copies it under a lock.|Renamed in place; otherwise replaced as in I07.
I15|drop the index of CLUSTER or of the replica identity|Published UPDATEs and DELETEs fail.|Where such an index is replaced, its marks go to the new one in the transaction that swaps the names.
I16|index a column that every UPDATE changes|No UPDATE can be a heap-only one any more: each writes all indexes of the table, and leaves more to vacuum.|`lint` names it: leave the column out of indexes, or keep it in a table of its own.
T01|drop a table|Instant, but the rows are gone, and every table joined to it by a key waits.|It goes to the trash with rows, indexes and keys until the retention ends.
T02|rename a table|Statements with the old name fail at once.|Only with `renamed_from`. A view under the old name bridges a release.
T03|move to another schema|As T02, and search_path decides who still finds it.|Only with `renamed_from`.
T04|TRUNCATE|Everybody waits; older snapshots see an empty table; CASCADE empties others.|Never sent. Use `sql` with its own `down`, or delete in batches.
T05|VACUUM FULL, CLUSTER|The table is written anew while everybody waits.|Never sent. Tables are only marked for CLUSTER.
T06|SET LOGGED or UNLOGGED|The table is written anew while everybody waits; unlogged rows are lost in a crash.|Plain form; the plan names it.
T07|change tablespace or access method|The files are copied while everybody waits.|Plain form; the plan names it. Take a quiet hour.
T08|disk and WAL for rewrites|Index builds and copies need as much again, and slots keep the WAL.|Preflight names inactive slots, and says that free disk cannot be asked by SQL.
T09|storage parameters|Light; autovacuum that is off fills the disk one day.|Changed with a lock that stops nobody.
T10|change the owner|Instant; implicit privileges change.|Declared like the rest.
T11|inheritance|The child is locked for everybody for an instant.|Short lock waits, tried again.
T12|a table without a primary key|Batches and replication cannot tell rows apart.|A backfill then walks the pages and needs a `where`.
P01|attach a partition|The new one is read under a lock unless a check proves its bound, the default one too.|A check that says the same as the bound is proved before, and one of the default partition that excludes it: then nothing is read, and the checks go. The indexes, keys and foreign keys that its parent has and it lacks are built online before, too. Where something cannot be proved or built so (a bound by hash, the default partition below a nested parent, an exclusion constraint) the plan says so.
P02|detach a partition|The parent waits for everybody.|CONCURRENTLY from PostgreSQL 14 on where there is no default partition; otherwise short lock waits.
P03|create or drop a partition in place|The parent is locked for everybody.|Short lock waits, tried again.
P04|a default partition|Mistakes gather in it, and each attach reads it.|Advice; watch it with an alert.
P05|change a parent with many partitions|All are locked until the end.|A transaction is split before the lock table is full.
P06|a key of a partitioned table|It must hold the partition key.|PostgreSQL refuses it in the shadow, before anything is touched.
P07|partitions kept by another tool|Two owners fight.|Leave them unmanaged.
V01|triggers|Creating one stops writers, dropping one stops everybody, both for an instant; each row then pays.|Short lock waits, tried again. Triggers do not act in our batches; what cannot be kept from it needs consent.
V02|disabled triggers|Foreign keys are not kept and never checked again.|Never done.
V03|refresh a materialized view|Readers wait, unless CONCURRENTLY with a unique index.|A view under which something changes is filled again; declare a unique index and refresh concurrently.
V04|replace a view|Only columns at the end may come; otherwise drop and create, which loses privileges.|Dropped and made again in one transaction, with owner, privileges and comments.
V05|row security|Switched on without a policy nobody sees a row.|Policies come before it in the same transaction.
V06|functions|Another return type needs drop and create; SECURITY DEFINER needs a fixed search_path.|Dropped and made again with their privileges; bodies are checked when planned.
V08|triggers that take whole rows|An audit of to_jsonb(new) also keeps the columns that an online change has beside the old ones, and those in the trash.|Named in the plan; our own audit leaves wgm_* out.
V07|rules and event triggers|Another tool's event trigger may refuse our statements.|Tried in the shadow; what the server refuses is told as it is.
Y01|add a value to an enum|It cannot be used in the transaction that adds it.|Its own transaction, before what uses it.
Y02|add a value without a place|It comes last, whatever was meant.|The declared order decides.
Y03|rename a value|Statements with the old word fail at once.|Only when declared: `values: [{name: done, renamed_from: finished}]`; otherwise added and removed. Functions whose text has the old word are named.
Y04|remove a value|The type is made anew and every column of it is written anew under a lock.|Rows that still use it stop the plan. On large tables the new type and a column of it come beside the old ones, kept in step and filled in batches (as in C08), and names are swapped in one short transaction; the old ones are dropped, for the values are the same. Who still writes the value meanwhile is refused already. Small tables are converted in one transaction. Not online, with the reason in the plan: partitioned tables, generated columns, domains, composites and foreign keys over it, another type change of the same table.
Y05|constraints of a domain|Every table that uses it is read, and takes no writes meanwhile.|NOT VALID and validated where the server can; prefer a check of the column.
Y06|change a composite type|Tables that use it are written anew, or it is refused.|The plan shows the users.
R01|lose the replica identity|Published UPDATEs and DELETEs fail on the publisher.|The mark moves to the new index in the transaction of the swap (C08, I15); a published table is never without.
R02|publish a table without a key|Its UPDATEs and DELETEs fail.|Declare a key or a replica identity.
R03|lag of replicas|Large changes make them late; a strong lock is replayed and ends their queries.|Batches wait while a replica is more than `max_replica_lag` behind; strong locks are held for an instant.
R04|logical replication carries no DDL|The other side stops.|Add there first, remove here first. Columns of ours (helpers, and those in the trash) are left out of publications by a list of the others; where that cannot be, and where FOR ALL TABLES would send the ledger, the plan needs consent.
R05|replication slots nobody reads|They keep WAL until the disk is full.|Preflight names them.
G01|grants to everybody|PUBLIC and ALL give more than was meant.|Declare each privilege.
G02|strong roles|SUPERUSER, BYPASSRLS and the like end all rules.|They must be said in full.
G03|default privileges|They belong to the role that creates.|Declared for that role.
G04|passwords in steps|They reach logs and history.|References to the environment, sent as SCRAM verifiers, masked everywhere.
G05|GRANT at the same time|"tuple concurrently updated".|Tried again; one run at a time.
G06|REASSIGN or DROP OWNED|All objects of a role are locked.|Never sent.
S11|extensions|An update runs any DDL; some need a restart.|The version is changed only where it is declared.
S12|server settings|Some need a restart, others only meet new sessions.|The plan says when a setting takes effect.
S13|DROP CASCADE|More goes than was named.|Never sent: dependents are listed as changes of their own.
S14|drop a database, schema or role|Everything in it goes.|A database is never dropped; schemas only when empty.
S15|delete rows without a condition|All rows.|See X05.
S16|a change that takes away, where only additions are allowed|The application of the last release still uses what goes.|`lint` stops at it where the environment says `additive_only`: take away in a release of its own.
X01|no lock_timeout|One waiting ALTER stops everybody behind it.|A tenth of a second at first, tried again within the budget; never longer than `lock_timeout`.
X02|no other timeouts|A forgotten session holds its locks.|Each session has a name and timeouts by the class of its statements.
X03|work while holding a strong lock|Everybody waits for all of it.|Strong locks only in transactions of catalog changes; a swap locks its tables at its beginning, in one order.
X04|LOCK TABLE|As strong as it is.|Only at the beginning of a swap, within the lock timeout.
X05|change many rows at once|Rows stay locked until the end, tables swell, replicas fall behind.|Batches by primary key of about 0.1 s, each committed with its checkpoint; `wgm-play pause` and `resume` steer them.
X06|DDL and data in one transaction|The DDL's lock is held while rows are written.|Batches are never in the transaction of a catalog change on a large table.
X07|BEGIN and COMMIT in a step|The runner's transaction ends too early.|Refused when the playbook is read.
X08|joined ALTERs|The strictest lock is held for the longest part.|NOT VALID and VALIDATE, SET NOT NULL and its check are separate statements.
X09|statements that cannot be repeated|A killed run cannot go on.|Each helper carries what it is for in its name; what is done already is asked of the catalog.
X10|unqualified names|search_path decides what is meant.|Everything we send is qualified; search_path is empty.
X11|names of more than 63 bytes|They are cut and collide.|Refused when the playbook is read; helpers are cut with a digest.
X12|a column set twice|PostgreSQL refuses it.|Refused when planned.
X13|savepoints in loops|Subtransactions overflow.|Not used.
X14|DDL inside DO blocks and functions|Nobody sees what it does.|Bodies are parsed; what cannot be is said.
X15|a pooler that changes sessions|SET and locks go to somebody else's session.|Found by the preflight and refused: connect directly.
X16|running during a dump, a long report, a vacuum against wraparound|We wait for them with everybody behind us.|Preflight names them; locks are waited for a tenth of a second at a time.
X17|prepared transactions|They hold locks without a session.|Preflight names them.
X18|the wrong server|A staging playbook on production.|The database is marked with its environment; standbys are refused.
X19|encodings and line ends|The same text has two digests.|Texts are compared as UTF-8 with plain line ends.
X20|SQL that cannot be read|Nobody knows what it does before the server refuses it.|`lint` says where PostgreSQL's parser stops, and goes on with the next statement.
X21|an ignore without a reason, or past its day|Nobody knows why it is there, or whether it still holds.|`lint` wants a reason with each ignore, and counts the finding again after the day that `until` names.
Q01|small integer keys|They end.|`check` tells how far sequences are; int to bigint is C08.
Q02|serial|Its sequence has privileges of its own.|Declare identity.
Q03|varchar(n)|Its length becomes a migration.|Declare text and a check.
Q04|timestamps without time zone|Nobody knows which.|Declare timestamptz.
Q05|json, money, rules and the like|Each has a better successor.|Advice.
Q06|rows with given ids|The sequence does not know them.|An identity continues after the highest value when it is made.
Q07|a foreign key without ON DELETE|Deletes fail, or nobody decided.|Say it.
Q08|names that need quotes|Each statement needs them.|Quoted always; prefer small letters.
Q09|column order|INSERT and COPY that name no columns put their values into other ones. Padding costs bytes.|New and swapped columns come last, and what lies in the trash keeps its place until `purge`: the plan says so. Order itself is no difference.
Q10|indexes with special operator classes|The default may not serve the query.|Declare the operator class.
Q11|a new column without a mask where data are masked|A copy for development would show its values.|`lint` names it where the environment says `masked`: say `mask:` on the column; in SQL, a security label by which a provider masks it.
Q12|a name against the rules of the team|Others look for it under the other name.|`lint` holds names against the patterns of `names`.
"""


def pages() -> dict[str, tuple[str, str, str]]:
    """Return (what is done, what happens, what we do) by code."""
    parts = [line.split("|") for line in HAZARDS.strip().splitlines()]
    return {code: (what, happens, here) for code, what, happens, here in parts}


def page(code: str) -> str | None:
    """Return the page of a hazard as Markdown, or None where there is no such code."""
    found = pages().get(code.upper())
    if found is None:
        return None
    what, happens, here = found
    return f"# {code.upper()}: {what}\n\n{happens}\n\n## What wgm-play does\n\n{here}\n"
