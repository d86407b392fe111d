select
    customers.customer_id,
    case when shown.customer_id is null then 'customer' else 'golden record' end as differs
from warehouse.dim_customer as customers
left join marts.customer_360 as shown on customers.customer_id = shown.customer_id
where shown.customer_id is null
    or (customers.display_name is distinct from shown.display_name)
    or (customers.email is distinct from shown.email)
    or (customers.phone is distinct from shown.phone)
    or (customers.city is distinct from shown.city)
    or (customers.country is distinct from shown.country)
    or (customers.systems_known is distinct from shown.systems_known)
    or (customers.is_business is distinct from shown.is_business)
    or (customers.has_marketing_consent is distinct from shown.has_marketing_consent)
    or (customers.first_seen_at is distinct from shown.first_seen_at)
