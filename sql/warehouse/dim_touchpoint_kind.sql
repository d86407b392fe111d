select
    kind,
    kind_order,
    direction,
    subject_type,
    source_system,
    source_object,
    is_contact
from (
    values
    ('order_placed', 1, 'inbound', 'order', 'shopify', 'orders', false),
    ('order_delivered', 2, 'outbound', 'order', 'shopify', 'fulfillments', false),
    ('ticket_opened', 3, 'inbound', 'ticket', 'zendesk', 'tickets', true),
    ('ticket_replied', 4, 'outbound', 'ticket', 'zendesk', 'ticket_audits', false),
    ('ticket_followed_up', 5, 'inbound', 'ticket', 'zendesk', 'ticket_audits', true),
    ('ticket_transferred', 6, 'outbound', 'ticket', 'zendesk', 'ticket_audits', false),
    ('ticket_reopened', 7, 'inbound', 'ticket', 'zendesk', 'ticket_audits', false),
    ('ticket_solved', 8, 'outbound', 'ticket', 'zendesk', 'ticket_audits', false),
    ('ticket_rated', 9, 'inbound', 'ticket', 'zendesk', 'tickets', false),
    ('invoice_issued', 10, 'outbound', 'invoice', 'stripe', 'invoices', false),
    ('invoice_paid', 11, 'inbound', 'invoice', 'stripe', 'invoices', false),
    ('payment_failed', 12, 'outbound', 'invoice', 'stripe', 'charges', false),
    ('refund_issued', 13, 'outbound', 'invoice', 'stripe', 'refunds', false),
    ('dispute_opened', 14, 'inbound', 'invoice', 'stripe', 'disputes', false)
) as kinds (kind, kind_order, direction, subject_type, source_system, source_object, is_contact)
