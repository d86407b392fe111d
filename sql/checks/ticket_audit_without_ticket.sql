select
    audits.id as audit_id,
    audits.ticket_id
from staging.stg_zendesk__ticket_audits as audits
left join staging.stg_zendesk__tickets as tickets on audits.ticket_id = tickets.id
where audits.created_at < $as_of
    and tickets.id is null
