with tickets as (

    select
        ticket_id,
        satisfaction,
        opened_department,
        updated_at
    from warehouse.int_ticket
    where satisfaction is not null

),

ratings as (

    select
        ticket_id,
        max(happened_at) as rated_at
    from warehouse.int_ticket_audit
    where is_rating
    group by ticket_id

),

dated as (

    select
        tickets.ticket_id,
        tickets.satisfaction,
        tickets.opened_department,
        coalesce(ratings.rated_at, tickets.updated_at) as rated_at
    from tickets
    left join ratings on ratings.ticket_id = tickets.ticket_id

),

final as (

    select
        dated.ticket_id,
        dated.satisfaction,
        coalesce(groups.department, dated.opened_department) as department,
        dated.rated_at
    from dated
    left join warehouse.int_ticket_group as groups
        on groups.ticket_id = dated.ticket_id
        and groups.happened_at <= dated.rated_at
        and (groups.next_at is null or groups.next_at > dated.rated_at)
    where dated.rated_at < $as_of

)

select * from final
