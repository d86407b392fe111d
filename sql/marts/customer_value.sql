with customers as (
    select * from marts.customer_360
),

touchpoints as (
    select * from warehouse.fct_touchpoint
),

expected as (
    select * from warehouse.int_expected_orders
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

valued as (
    select
        customers.customer_id,
        customers.orders_count,
        coalesce(service.contacts, 0) as contacts,
        customers.revenue_eur,
        customers.margin_eur,
        coalesce(service.cost_to_serve_eur, 0) as cost_to_serve_eur,
        customers.margin_eur - coalesce(service.cost_to_serve_eur, 0) as value_to_date_eur
    from customers
    left join service on customers.customer_id = service.customer_id
),

-- What an order of anybody leaves, less all contacts.
averages as (
    select coalesce(div_round(sum(value_to_date_eur), sum(orders_count), 4), 0) as value_per_order_eur
    from valued
),

-- What an order of hers leaves, as if she had placed some average orders besides: one order tells little of the next.
ordered as (
    select
        valued.*,
        div_round(
            valued.value_to_date_eur + $expected_value_prior_orders * averages.value_per_order_eur,
            valued.orders_count + $expected_value_prior_orders,
            4
        ) as value_per_order_eur
    from valued
    cross join averages
),

final as (
    select
        ordered.customer_id,
        expected.method,
        ordered.contacts,
        ordered.revenue_eur,
        ordered.margin_eur,
        ordered.cost_to_serve_eur,
        ordered.value_to_date_eur,
        expected.expected_orders,
        coalesce(ordered.value_per_order_eur, 0) as value_per_order_eur,
        div_round(expected.expected_orders * coalesce(ordered.value_per_order_eur, 0), 1, 2) as expected_value_eur
    from ordered
    left join expected on ordered.customer_id = expected.customer_id
)

select * from final
