select
    id,
    email,
    name,
    phone,
    address_line1,
    address_postal_code,
    address_city,
    address_country,
    created,
    _batch_id,
    _row
from landing.stripe__customers
where not coalesce(deleted, false)
