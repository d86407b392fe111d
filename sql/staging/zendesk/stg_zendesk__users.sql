select
    id,
    organization_id,
    name,
    email,
    phone,
    role,
    created_at,
    updated_at,
    _batch_id,
    _row
from landing.zendesk__users
