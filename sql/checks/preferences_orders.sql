-- Channels and weekdays part a customer's orders; where all of them are kept, they have each order once.
with mart as (
    select
        customer_id,
        kind,
        count(*) as places,
        max(rank) as last_place,
        sum(orders) as orders,
        sum(share) as shares,
        max(last_ordered_at) as last_ordered_at
    from marts.preferences
    group by customer_id, kind
),

customers as (
    select
        customer_id,
        count(*) as orders,
        max(ordered_at) as last_ordered_at
    from warehouse.fct_order
    where not is_cancelled and customer_id is not null
    group by customer_id
),

channels as (
    select *
    from mart
    where kind = 'channel'
)

-- Ranks without a gap, and no more than are kept.
select
    customer_id,
    kind,
    'places' as what
from mart
where last_place <> places or places > $preference_places
union all
select
    mart.customer_id,
    mart.kind,
    'orders' as what
from mart
left join customers on mart.customer_id = customers.customer_id
where customers.customer_id is null
    or mart.last_ordered_at > customers.last_ordered_at
    or (
        mart.kind in ('channel', 'weekday')
        and (
            mart.orders > customers.orders
            or (
                mart.places < $preference_places
                and (
                    mart.orders <> customers.orders
                    or mart.last_ordered_at <> customers.last_ordered_at
                    or abs(mart.shares - 1) > 0.0000005 * mart.places
                )
            )
        )
    )
union all
select
    customers.customer_id,
    'channel' as kind,
    'missing' as what
from customers
left join channels on customers.customer_id = channels.customer_id
where channels.customer_id is null and $preference_places > 0
