with tickets as (

    select * from warehouse.int_ticket

),

audits as (

    select * from warehouse.int_ticket_audit

),

counted as (

    select
        ticket_id,
        sum(case when is_transfer then 1 else 0 end) as transfers,
        sum(case when is_reopen then 1 else 0 end) as reopens,
        sum(case when is_solve then 1 else 0 end) as solves,
        sum(case when is_reply then 1 else 0 end) as replies,
        sum(case when is_follow_up then 1 else 0 end) as follow_ups,
        min(case when is_reply then happened_at end) as first_reply_at,
        min(case when is_staff_comment then happened_at end) as first_staff_comment_at,
        min(case when is_solve then happened_at end) as solved_at,
        max(case when is_solve then happened_at end) as last_solved_at,
        min(case when is_reopen then happened_at end) as first_reopened_at
    from audits
    group by ticket_id

),

transfers as (

    select
        ticket_id,
        happened_at,
        row_number() over (partition by ticket_id order by happened_at, audit_id) as transfer_no
    from audits
    where is_transfer

),

second_transfers as (

    select
        ticket_id,
        happened_at as second_transfer_at
    from transfers
    where transfer_no = 2

),

final as (

    select
        tickets.ticket_id,
        tickets.customer_id,
        tickets.requester_id,
        tickets.order_id,
        tickets.matter_id,
        tickets.status,
        tickets.priority,
        tickets.type,
        tickets.channel,
        tickets.topic,
        tickets.opened_department,
        tickets.last_department,
        tickets.satisfaction,
        coalesce(counted.transfers, 0) as transfers,
        coalesce(counted.reopens, 0) as reopens,
        coalesce(counted.solves, 0) as solves,
        coalesce(counted.replies, 0) as replies,
        coalesce(counted.follow_ups, 0) as follow_ups,
        tickets.status in ('new', 'open', 'pending', 'hold') as is_open,
        tickets.is_refund_request,
        tickets.opened_at,
        counted.first_reply_at,
        counted.first_staff_comment_at,
        counted.solved_at,
        counted.last_solved_at,
        second_transfers.second_transfer_at,
        counted.first_reopened_at,
        tickets.updated_at
    -- The side that is looked up stands first: its rows are what a hash join holds in memory.
    from second_transfers
    right join (
        counted
        right join tickets on tickets.ticket_id = counted.ticket_id
    ) on tickets.ticket_id = second_transfers.ticket_id

)

select * from final
