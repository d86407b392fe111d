with audits as (

    select
        audit_id,
        ticket_id,
        author_id,
        happened_at,
        max(case when event = 'create' then 1 else 0 end) as creates,
        max(case when event = 'comment' then 1 else 0 end) as comments,
        -- From nobody to the first group is no transfer.
        max(case when event = 'group_id' and previous_value is not null then 1 else 0 end) as transfers,
        max(
            case
                when event = 'status' and previous_value = 'solved' and value in ('new', 'open', 'pending', 'hold')
                    then 1
                else 0
            end
        ) as reopens,
        max(case when event = 'status' and value = 'solved' then 1 else 0 end) as solves,
        max(case when event = 'status' and value = 'closed' then 1 else 0 end) as closes,
        max(case when event = 'rating' then value end) as rating
    from warehouse.int_ticket_event
    group by audit_id, ticket_id, author_id, happened_at

),

tickets as (

    select
        ticket_id,
        requester_id,
        opened_department,
        satisfaction,
        has_creation,
        opened_at
    from warehouse.int_ticket

),

staff as (

    select id as user_id
    from staging.stg_zendesk__users
    where role in ('agent', 'admin')

),

-- The opening comment comes with the ticket's creation; where no audit tells of that, the moment of opening does.
classified as (

    select
        audits.audit_id,
        audits.ticket_id,
        audits.author_id,
        audits.happened_at,
        tickets.opened_department,
        audits.comments = 1 as is_comment,
        audits.comments = 1
        and audits.creates = 0
        and (tickets.has_creation or audits.happened_at > tickets.opened_at) as is_later_comment,
        coalesce(audits.author_id = tickets.requester_id, false) as is_by_requester,
        staff.user_id is not null as is_by_staff,
        audits.transfers = 1 as is_transfer,
        audits.reopens = 1 as is_reopen,
        audits.solves = 1 as is_solve,
        audits.closes = 1 as is_close,
        coalesce(audits.rating = tickets.satisfaction, false) as is_rating
    -- The side that is looked up stands first: its rows are what a hash join holds in memory.
    from staff
    right join (
        tickets
        inner join audits on audits.ticket_id = tickets.ticket_id
    ) on audits.author_id = staff.user_id

),

final as (

    select
        classified.audit_id,
        classified.ticket_id,
        classified.author_id,
        -- The group in force once the audit has been applied.
        coalesce(groups.department, classified.opened_department) as department,
        coalesce(
            classified.is_later_comment and not classified.is_by_requester and classified.is_by_staff, false
        ) as is_reply,
        coalesce(classified.is_later_comment and classified.is_by_requester, false) as is_follow_up,
        -- With the opening one: who opens a ticket for somebody on the phone has answered already.
        coalesce(
            classified.is_comment and not classified.is_by_requester and classified.is_by_staff, false
        ) as is_staff_comment,
        classified.is_transfer,
        classified.is_reopen,
        classified.is_solve,
        classified.is_close,
        classified.is_rating,
        classified.happened_at
    from warehouse.int_ticket_group as groups
    right join classified
        on classified.ticket_id = groups.ticket_id
        and (
            groups.happened_at < classified.happened_at
            or (groups.happened_at = classified.happened_at and groups.audit_id <= classified.audit_id)
        )
        and (
            groups.next_at is null
            or groups.next_at > classified.happened_at
            or (groups.next_at = classified.happened_at and groups.next_audit_id > classified.audit_id)
        )

)

select * from final
