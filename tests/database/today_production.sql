-- The production database before it is adopted, as the application's ORM makes it: keys are varchar, timestamps have
-- no time zone, flags are texts, nothing but keys and one user name is checked.
CREATE TABLE users (
    id varchar PRIMARY KEY DEFAULT gen_random_uuid(),
    username text NOT NULL,
    password text NOT NULL,
    CONSTRAINT users_username_unique UNIQUE (username)
);

CREATE TABLE sessions (
    id varchar PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id varchar CONSTRAINT sessions_user_id_users_id_fk REFERENCES users (id),
    name text NOT NULL,
    creator_mode text NOT NULL,
    current_phase integer DEFAULT 0,
    duration integer DEFAULT 0,
    ai_mode text DEFAULT 'continuity',
    created_at timestamp DEFAULT now(),
    updated_at timestamp DEFAULT now()
);

CREATE TABLE nodes (
    id varchar PRIMARY KEY DEFAULT gen_random_uuid(),
    session_id varchar CONSTRAINT nodes_session_id_sessions_id_fk REFERENCES sessions (id),
    type text NOT NULL,
    name text NOT NULL,
    description text,
    properties jsonb,
    x integer DEFAULT 0,
    y integer DEFAULT 0,
    created_at timestamp DEFAULT now()
);

CREATE TABLE connections (
    id varchar PRIMARY KEY DEFAULT gen_random_uuid(),
    session_id varchar CONSTRAINT connections_session_id_sessions_id_fk REFERENCES sessions (id),
    from_node_id varchar CONSTRAINT connections_from_node_id_nodes_id_fk REFERENCES nodes (id),
    to_node_id varchar CONSTRAINT connections_to_node_id_nodes_id_fk REFERENCES nodes (id),
    type text NOT NULL,
    strength integer DEFAULT 1,
    created_at timestamp DEFAULT now()
);

CREATE TABLE timeline_events (
    id varchar PRIMARY KEY DEFAULT gen_random_uuid(),
    session_id varchar CONSTRAINT timeline_events_session_id_sessions_id_fk REFERENCES sessions (id),
    node_id varchar CONSTRAINT timeline_events_node_id_nodes_id_fk REFERENCES nodes (id),
    name text NOT NULL,
    description text,
    phase text NOT NULL,
    duration integer DEFAULT 0,
    order_index integer NOT NULL,
    creator_mode text NOT NULL,
    is_completed text DEFAULT 'false',
    "timestamp" timestamp DEFAULT now()
);

CREATE TABLE scenarios (
    id varchar PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id varchar CONSTRAINT scenarios_user_id_users_id_fk REFERENCES users (id),
    title text NOT NULL,
    main_idea text NOT NULL,
    world_context text,
    political_situation text,
    key_themes jsonb,
    status text DEFAULT 'draft',
    created_at timestamp DEFAULT now(),
    updated_at timestamp DEFAULT now()
);

CREATE TABLE regions (
    id varchar PRIMARY KEY DEFAULT gen_random_uuid(),
    scenario_id varchar CONSTRAINT regions_scenario_id_scenarios_id_fk REFERENCES scenarios (id),
    name text NOT NULL,
    type text NOT NULL,
    description text,
    controlling_faction text,
    population integer,
    resources jsonb,
    threat_level integer DEFAULT 1,
    political_stance text,
    trade_routes jsonb,
    created_at timestamp DEFAULT now()
);

CREATE TABLE scenario_sessions (
    id varchar PRIMARY KEY DEFAULT gen_random_uuid(),
    scenario_id varchar CONSTRAINT scenario_sessions_scenario_id_scenarios_id_fk REFERENCES scenarios (id),
    session_id varchar CONSTRAINT scenario_sessions_session_id_sessions_id_fk REFERENCES sessions (id),
    created_at timestamp DEFAULT now()
);

CREATE TABLE scenario_npcs (
    id varchar PRIMARY KEY DEFAULT gen_random_uuid(),
    scenario_id varchar CONSTRAINT scenario_npcs_scenario_id_scenarios_id_fk REFERENCES scenarios (id),
    name text NOT NULL,
    role text NOT NULL,
    description text,
    location text,
    faction text,
    importance text DEFAULT 'minor',
    status text DEFAULT 'alive',
    created_at timestamp DEFAULT now()
);

CREATE TABLE scenario_quests (
    id varchar PRIMARY KEY DEFAULT gen_random_uuid(),
    scenario_id varchar CONSTRAINT scenario_quests_scenario_id_scenarios_id_fk REFERENCES scenarios (id),
    title text NOT NULL,
    description text NOT NULL,
    status text DEFAULT 'not_started',
    priority text DEFAULT 'medium',
    rewards text,
    requirements text,
    created_at timestamp DEFAULT now()
);

CREATE TABLE environmental_conditions (
    id varchar PRIMARY KEY DEFAULT gen_random_uuid(),
    scenario_id varchar CONSTRAINT environmental_conditions_scenario_id_scenarios_id_fk REFERENCES scenarios (id),
    name text NOT NULL,
    description text NOT NULL,
    severity text DEFAULT 'moderate',
    affected_regions jsonb,
    duration text,
    created_at timestamp DEFAULT now()
);

CREATE TABLE player_characters (
    id varchar PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id varchar CONSTRAINT player_characters_user_id_users_id_fk REFERENCES users (id),
    session_id varchar CONSTRAINT player_characters_session_id_sessions_id_fk REFERENCES sessions (id),
    name text NOT NULL,
    character_class text NOT NULL,
    level integer DEFAULT 1,
    background text,
    stats jsonb,
    skills jsonb,
    equipment jsonb,
    notes text,
    is_active text DEFAULT 'true',
    created_at timestamp DEFAULT now(),
    updated_at timestamp DEFAULT now()
);

CREATE TABLE session_players (
    id varchar PRIMARY KEY DEFAULT gen_random_uuid(),
    session_id varchar CONSTRAINT session_players_session_id_sessions_id_fk REFERENCES sessions (id),
    user_id varchar CONSTRAINT session_players_user_id_users_id_fk REFERENCES users (id),
    character_id varchar CONSTRAINT session_players_character_id_player_characters_id_fk REFERENCES player_characters (id),
    role text DEFAULT 'player',
    permissions jsonb,
    joined_at timestamp DEFAULT now(),
    last_active timestamp DEFAULT now(),
    is_online text DEFAULT 'false'
);
