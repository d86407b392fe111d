select
    id,
    first_name,
    last_name,
    email,
    phone,
    default_address_address_1,
    default_address_zip,
    default_address_city,
    default_address_country_code,
    accepts_marketing,
    created_at,
    updated_at,
    _batch_id,
    _row
from landing.shopify__customers
