select
    department,
    channel,
    count(*) as contacts
from warehouse.fct_touchpoint
where is_contact and has_contact_cost = false
group by department, channel
