select
    id,
    name,
    department,
    _batch_id,
    _row
from landing.zendesk__groups
