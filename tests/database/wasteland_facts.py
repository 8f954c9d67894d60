"""What the application's database must hold: its facts, written down apart from the playbooks that declare them.

In: nothing. Out: tables for `test_wasteland.py`. A column is "TYPE", "TYPE?" where it may be NULL, "TYPE = DEFAULT"
with the default as PostgreSQL prints it.
"""

from __future__ import annotations

from typing import Any

ID, NOW = "uuid = gen_random_uuid()", "timestamp with time zone = now()"
OBJECT, ARRAY = "jsonb = '{}'::jsonb", "jsonb = '[]'::jsonb"

COLUMNS: dict[str, dict[str, str]] = {
    "users": {"id": ID, "username": "text", "password": "text", "created_at": NOW, "updated_at": NOW},
    "sessions": {
        "id": ID, "user_id": "uuid?", "name": "text", "creator_mode": "text", "current_phase": "integer = 0",
        "duration": "integer = 0", "ai_mode": "text = 'continuity'::text", "created_at": NOW, "updated_at": NOW,
    },
    "nodes": {
        "id": ID, "session_id": "uuid?", "type": "text", "name": "text", "description": "text?", "properties": OBJECT,
        "x": "integer = 0", "y": "integer = 0", "created_at": NOW,
    },
    "connections": {
        "id": ID, "session_id": "uuid?", "from_node_id": "uuid", "to_node_id": "uuid", "type": "text",
        "strength": "integer = 1", "created_at": NOW,
    },
    "timeline_events": {
        "id": ID, "session_id": "uuid?", "node_id": "uuid?", "name": "text", "description": "text?", "phase": "text",
        "duration": "integer = 0", "order_index": "integer", "creator_mode": "text",
        "completion": "text = 'pending'::text", "occurred_at": NOW,
    },
    "scenarios": {
        "id": ID, "user_id": "uuid?", "title": "text", "main_idea": "text", "world_context": "text?",
        "political_situation": "text?", "key_themes": ARRAY, "status": "text = 'draft'::text", "created_at": NOW,
        "updated_at": NOW,
    },
    "regions": {
        "id": ID, "scenario_id": "uuid", "name": "text", "type": "text", "description": "text?",
        "controlling_faction": "text?", "population": "integer?", "resources": ARRAY, "threat_level": "integer = 1",
        "political_stance": "text?", "trade_routes": ARRAY, "created_at": NOW,
    },
    "scenario_sessions": {"id": ID, "scenario_id": "uuid", "session_id": "uuid", "created_at": NOW},
    "scenario_npcs": {
        "id": ID, "scenario_id": "uuid", "name": "text", "role": "text", "description": "text?", "location": "text?",
        "faction": "text?", "importance": "text = 'minor'::text", "status": "text = 'alive'::text", "created_at": NOW,
    },
    "scenario_quests": {
        "id": ID, "scenario_id": "uuid", "title": "text", "description": "text",
        "status": "text = 'not_started'::text", "priority": "text = 'medium'::text", "rewards": "text?",
        "requirements": "text?", "created_at": NOW,
    },
    "environmental_conditions": {
        "id": ID, "scenario_id": "uuid", "name": "text", "description": "text",
        "severity": "text = 'moderate'::text", "affected_regions": ARRAY, "duration": "text?", "created_at": NOW,
    },
    "player_characters": {
        "id": ID, "user_id": "uuid?", "session_id": "uuid?", "name": "text", "character_class": "text",
        "level": "integer = 1", "background": "text?", "stats": OBJECT, "skills": ARRAY, "equipment": ARRAY,
        "notes": "text?", "is_active": "boolean = true", "created_at": NOW, "updated_at": NOW,
    },
    "session_players": {
        "id": ID, "session_id": "uuid", "user_id": "uuid", "character_id": "uuid?", "role": "text = 'player'::text",
        "permissions": "jsonb", "joined_at": NOW, "last_active": NOW, "is_online": "boolean = false",
    },
}  # fmt: skip

TABLES = tuple(COLUMNS)

# (table, column): (table referred to, what happens to the row when that one goes: pg_constraint.confdeltype)
NOTHING, CASCADE, SET_NULL = "a", "c", "n"
FOREIGN_KEYS: dict[tuple[str, str], tuple[str, str]] = {
    ("sessions", "user_id"): ("users", SET_NULL),
    ("nodes", "session_id"): ("sessions", CASCADE),
    ("connections", "session_id"): ("sessions", CASCADE),
    ("connections", "from_node_id"): ("nodes", CASCADE),
    ("connections", "to_node_id"): ("nodes", CASCADE),
    ("timeline_events", "session_id"): ("sessions", CASCADE),
    ("timeline_events", "node_id"): ("nodes", SET_NULL),
    ("scenarios", "user_id"): ("users", NOTHING),
    ("regions", "scenario_id"): ("scenarios", CASCADE),
    ("scenario_sessions", "scenario_id"): ("scenarios", CASCADE),
    ("scenario_sessions", "session_id"): ("sessions", CASCADE),
    ("scenario_npcs", "scenario_id"): ("scenarios", CASCADE),
    ("scenario_quests", "scenario_id"): ("scenarios", CASCADE),
    ("environmental_conditions", "scenario_id"): ("scenarios", CASCADE),
    ("player_characters", "user_id"): ("users", SET_NULL),
    ("player_characters", "session_id"): ("sessions", SET_NULL),
    ("session_players", "session_id"): ("sessions", CASCADE),
    ("session_players", "user_id"): ("users", CASCADE),
    ("session_players", "character_id"): ("player_characters", SET_NULL),
}

# (table, columns): both ends belong to the same session; asked at the end of the transaction
SAME_SESSION = {
    ("connections", ("session_id", "from_node_id")),
    ("connections", ("session_id", "to_node_id")),
    ("timeline_events", ("session_id", "node_id")),
}

# (table, columns): deferrable, initially deferred
UNIQUE: dict[tuple[str, tuple[str, ...]], tuple[bool, bool]] = {
    ("users", ("username",)): (False, False),
    ("nodes", ("session_id", "id")): (False, False),
    ("connections", ("from_node_id", "to_node_id", "type")): (False, False),
    ("timeline_events", ("session_id", "order_index")): (True, True),
    ("scenario_sessions", ("scenario_id", "session_id")): (False, False),
    ("session_players", ("session_id", "user_id")): (False, False),
}

ALLOWED: dict[tuple[str, str], str] = {
    ("sessions", "creator_mode"): "road city",
    ("sessions", "ai_mode"): "chaos continuity",
    ("nodes", "type"): "event npc faction location item",
    ("connections", "type"): "temporal spatial factional ownership",
    ("timeline_events", "phase"): "hook exploration rising_tension climax resolution",
    ("timeline_events", "completion"): "pending completed skipped",
    ("scenarios", "status"): "draft active completed archived",
    ("regions", "type"): "city settlement wasteland fortress trade_hub industrial",
    ("regions", "political_stance"): "hostile neutral friendly allied",
    ("scenario_npcs", "role"): "leader trader scientist survivor antagonist guard merchant warrior engineer informant "
    "medic guide",
    ("scenario_npcs", "importance"): "minor major critical",
    ("scenario_npcs", "status"): "alive dead missing unknown suppressed",
    ("scenario_quests", "status"): "not_started active completed failed",
    ("scenario_quests", "priority"): "low medium high critical",
    ("environmental_conditions", "severity"): "mild moderate severe extreme",
    ("player_characters", "character_class"): "scavenger warrior engineer medic trader scout",
    ("session_players", "role"): "player co_gm observer",
}

# (table, column): values at the edge that are right, values just beyond that are wrong
RANGES: dict[tuple[str, str], tuple[list[Any], list[Any]]] = {
    ("users", "username"): (["abc", "a" * 50, "Gm_2200"], ["ab", "a" * 51, "has space", "é_accent", "a-b-c", "abc\n"]),
    ("sessions", "name"): (["n", "n" * 200], ["", "n" * 201]),
    ("sessions", "current_phase"): ([0, 4], [-1, 5]),
    ("sessions", "duration"): ([0, 600], [-1, 601]),
    ("nodes", "name"): (["n", "é" * 200], ["", "n" * 201]),
    ("nodes", "description"): ([None, "", "é" * 2000], ["d" * 2001]),
    ("nodes", "x"): ([-10000, 10000], [-10001, 10001]),
    ("nodes", "y"): ([-10000, 10000], [-10001, 10001]),
    ("connections", "strength"): ([1, 5], [0, 6]),
    ("timeline_events", "duration"): ([0, 300], [-1, 301]),
    ("timeline_events", "order_index"): ([0, 2147483647], [-1]),
    ("scenarios", "title"): (["t", "t" * 200], ["", "t" * 201]),
    ("scenarios", "main_idea"): (["i" * 10, "i" * 10000], ["i" * 9, "i" * 10001]),
    ("regions", "population"): ([None, 0], [-1]),
    ("regions", "threat_level"): ([1, 5], [0, 6]),
    ("player_characters", "level"): ([1, 20], [0, 21]),
}

# (table, what pg_get_indexdef prints from USING on). A deferrable constraint's index is not among them.
INDEXES: set[tuple[str, str]] = {
    *((table, "btree (name text_pattern_ops)") for table in (
        "sessions", "nodes", "timeline_events", "regions", "scenario_npcs", "environmental_conditions",
        "player_characters",
    )),
    *((table, "btree (title text_pattern_ops)") for table in ("scenarios", "scenario_quests")),
    *((table, 'btree ("left"(description, 200) text_pattern_ops)') for table in (
        "nodes", "timeline_events", "regions", "scenario_npcs", "scenario_quests", "environmental_conditions",
    )),
    ("sessions", "btree (user_id, created_at DESC)"),
    ("nodes", "btree (session_id, type)"),
    ("timeline_events", "btree (session_id, phase_number(phase), order_index)"),
    *((table, f"gin ({column})") for table, columns in COLUMNS.items() for column, type_ in columns.items()
      if type_.startswith("jsonb")),
    ("sessions", "btree (created_at DESC) WHERE (current_phase < 4)"),
    ("timeline_events", "btree (session_id, order_index) WHERE (completion = 'pending'::text)"),
    ("timeline_events", "btree (session_id, occurred_at DESC) WHERE (completion = 'completed'::text)"),
    ("scenarios", "btree (created_at DESC) WHERE (status = 'active'::text)"),
    ("scenario_quests", "btree (scenario_id, priority_number(priority) DESC) WHERE (status = 'active'::text)"),
    ("scenario_quests", "btree (scenario_id) WHERE (status = 'completed'::text)"),
    ("player_characters", "btree (session_id, name) WHERE is_active"),
    ("session_players", "btree (session_id) WHERE is_online"),
}  # fmt: skip

# What has no place in a history.
NOT_RECORDED = {("users", "password"), ("session_players", "is_online"), ("session_players", "last_active")}
TOUCHED = ("users", "sessions", "scenarios", "player_characters")
MATERIALIZED = {"scenario_overview": "scenarios"}
RETENTION = {"development": "7 days", "staging": "30 days", "production": "90 days"}

SCENARIO = ("550e8400-e29b-41d4-a716-446655440000", "Legacy of the Two Braziers", "active")

# name, controlling faction, type, population, threat level, political stance, resources; ids end in 440001 to 440010
REGIONS: list[tuple[str, str, str, int, int, str, list[str]]] = [
    ("Cité Médicale", "Les Blouses Blanches", "city", 35000, 3, "allied", ["medicine", "medical technology"]),
    ("Cité du Carburant", "Les Raffineurs", "settlement", 12000, 3, "hostile", ["fuel", "technology"]),
    ("Cité Industrielle", "Les Forgerons d'Acier", "settlement", 25000, 4, "neutral", ["metal", "machinery"]),
    (
        "Cité de l'Eau & Alimentation",
        "Les Gardiens de la Source",
        "fortress",
        18000,
        4,
        "friendly",
        ["food", "water", "seeds"],
    ),
    (
        "Cité du Divertissement",
        "Les Faiseurs de Rêves",
        "trade_hub",
        20000,
        1,
        "neutral",
        ["information", "entertainment"],
    ),
    ("Nuke City", "Le Réacteur à Ciel Ouvert", "city", 8000, 5, "hostile", ["energy", "nuclear materials"]),
    ("Cité des Métaux & Recyclage", "Les Fossoyeurs", "settlement", 10000, 3, "neutral", ["metal", "salvage"]),
    ("Cité de l'Armement & Défense", "Les Arsenaux", "fortress", 22000, 5, "hostile", ["weapons", "explosives"]),
    ("L'Île des Anciens", "Le Paradis Perdu", "city", 5000, 1, "neutral", ["pre-war technology", "clean water"]),
    ("Bunker Oméga", "Les Fantômes d'Acier", "fortress", 3000, 5, "hostile", ["espionage", "cyber warfare"]),
]


def region_id(number: int) -> str:
    """Return the fixed id of the city-state with this number (from 1)."""
    return f"550e8400-e29b-41d4-a716-4466554400{number:02}"
