-- How many orders a customer will place: her own pace, times what customers like her kept of theirs. What they kept is measured once,
-- over the last days: what each of them did, against what her pace foretold when the days began.
with customers as (

    select
        customer_id,
        epoch_us($as_of) - epoch_us(first_seen_at) as known_us
    from warehouse.dim_customer

),

standings as (

    select * from warehouse.int_customer_standing

),

paces as (

    select * from warehouse.int_customer_pace

),

bands as (

    select
        band,
        sum(orders_next) as orders_next,
        sum(foretold) as foretold
    from paces
    where moment = 'then'
    group by band

),

-- All who had returned, and all who had not.
kinds as (

    select
        has_returned,
        div_round(sum(orders_next), sum(foretold), 8) as kept
    from paces
    where moment = 'then'
    group by has_returned

),

buyers as (

    select count(*) as buyers_then
    from paces
    where moment = 'then'

),

-- How long it is looked back; nobody can, where nobody has ordered.
look_back as (

    select coalesce(max(look_back_days), 0) as days from standings

),

-- Who has not ordered has no pace: she expects what those placed who were known then, and had not ordered.
others as (

    select
        count(*) as customers,
        sum(coalesce(today.repeats + 1, 0)) as orders_next
    from customers
    left join standings as today on customers.customer_id = today.customer_id and today.moment = 'now'
    left join standings as back_then on customers.customer_id = back_then.customer_id and back_then.moment = 'then'
    cross join look_back
    where customers.known_us > look_back.days * 86400000000
        and back_then.customer_id is null

),

final as (

    select
        customers.customer_id,
        case
            when paces.customer_id is not null and buyers.buyers_then >= $expected_value_min_customers then 'own_pace'
            when paces.customer_id is null and others.customers >= $expected_value_min_customers and look_back.days > 0 then 'like_non_buyers'
            else 'no_history'
        end as method,
        case
            when paces.customer_id is not null and buyers.buyers_then >= $expected_value_min_customers
                -- A band tells as much as its orders do: as if ten more had been foretold in it, and kept as those of all its kind.
                then div_round(
                    paces.foretold * (coalesce(bands.orders_next, 0) + 10 * coalesce(kinds.kept, 1)),
                    coalesce(bands.foretold, 0) + 10,
                    4
                )
            when paces.customer_id is null and others.customers >= $expected_value_min_customers and look_back.days > 0
                then div_round(others.orders_next * $expected_value_days, others.customers * look_back.days, 4)
        end as expected_orders
    from customers
    left join paces on customers.customer_id = paces.customer_id and paces.moment = 'now'
    left join bands on paces.band = bands.band
    left join kinds on paces.has_returned = kinds.has_returned
    cross join buyers
    cross join others
    cross join look_back

)

select * from final
