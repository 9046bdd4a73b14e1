"""The database's roles: one that owns, three that log in and may do no more than their policies show."""

from __future__ import annotations

from enum import StrEnum

OWNER = "branchgraph_owner"
PORTAL = "branchgraph_portal"
CLIENT = "branchgraph_client"
HEADQUARTERS = "branchgraph_headquarters"


class Login(StrEnum):
    """Which role a transaction is opened under; each has its own policies and fails closed."""

    PORTAL = PORTAL
    CLIENT = CLIENT
    HEADQUARTERS = HEADQUARTERS


CREATE_ROLES = f"""
do $$
declare
    login text;
begin
    if not exists (select from pg_roles where rolname = '{OWNER}') then
        create role {OWNER} nologin;
    end if;
    foreach login in array array['{PORTAL}', '{CLIENT}', '{HEADQUARTERS}'] loop
        if not exists (select from pg_roles where rolname = login) then
            execute format('create role %I login noinherit', login);
        end if;
    end loop;
    -- Who migrates must be able to hand tables to the owner; a superuser is anyway.
    if not (select rolsuper from pg_roles where rolname = current_user) then
        execute format('grant {OWNER} to %I', current_user);
    end if;
exception
    when insufficient_privilege then
        raise exception 'the user % of DATABASE_URL may not create roles', current_user
            using hint = 'let an administrator run ALTER ROLE ... CREATEROLE, or create the roles '
                '{OWNER} (nologin), {PORTAL}, {CLIENT} and {HEADQUARTERS} (login) beforehand';
end
$$
"""

DROP_ROLES = f"""
do $$
declare
    gone text;
begin
    foreach gone in array array['{PORTAL}', '{CLIENT}', '{HEADQUARTERS}', '{OWNER}'] loop
        begin
            execute format('drop role if exists %I', gone);
        exception
            -- Roles belong to the whole server: another database of the bank still uses this one.
            when dependent_objects_still_exist then null;
        end;
    end loop;
end
$$
"""
