select
    kind,
    count(*) as touchpoints
from warehouse.fct_touchpoint
where customer_id is null
group by kind
