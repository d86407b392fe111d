-- The customer stands in the key because touchpoints come in the order of customers: the engine then groups one at a time.
with final as (

    select
        customer_id,
        journey_id,
        cast(date_trunc('month', local_date(occurred_at, $time_zone)) as date) as month,
        count(*) as touchpoints,
        sum(case when is_handoff then 1 else 0 end) as handoffs
    from warehouse.fct_touchpoint
    where customer_id is not null
    group by customer_id, journey_id, cast(date_trunc('month', local_date(occurred_at, $time_zone)) as date)

)

select * from final
