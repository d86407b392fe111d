select
    id,
    requester_id,
    assignee_id,
    group_id,
    nullif(order_id, '') as order_id,
    subject,
    description,
    status,
    priority,
    type,
    via_channel,
    topic,
    satisfaction_score,
    tags,
    created_at,
    updated_at,
    _batch_id,
    _row
from landing.zendesk__tickets
-- Status is never missing in a landed row, so this drops the deleted ones only.
where status <> 'deleted'
