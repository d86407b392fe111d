select
    department,
    title,
    position
from (
    values
    ('sales', 'Sales: the web shop', 1),
    ('store', 'Store: the shop counter', 2),
    ('support', 'Support: customer service', 3),
    ('billing', 'Billing: accounts receivable', 4),
    ('complaints', 'Complaints: returns and claims', 5),
    ('marketing', 'Marketing: mailings and campaigns', 6)
) as departments (department, title, position)
