with customers as (
    select * from marts.customer_360
),

touchpoints as (
    select * from warehouse.fct_touchpoint
),

service as (
    select
        customer_id,
        count(*) as contacts,
        sum(contact_cost_eur) as cost_to_serve_eur
    from touchpoints
    where is_contact and customer_id is not null
    group by customer_id
),

final as (
    select
        customers.customer_id,
        coalesce(service.contacts, 0) as contacts,
        customers.revenue_eur,
        customers.margin_eur,
        coalesce(service.cost_to_serve_eur, 0) as cost_to_serve_eur,
        customers.margin_eur - coalesce(service.cost_to_serve_eur, 0) as value_to_date_eur
    from customers
    left join service on customers.customer_id = service.customer_id
)

select * from final
