select
    id,
    ticket_id,
    author_id,
    events,
    created_at,
    _batch_id,
    _row
from landing.zendesk__ticket_audits
