//! The objects of the four systems: names, headers, formats.

use super::write::{Compression, push_decimal};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    Customers,
    Orders,
    OrderLines,
    Refunds,
    Fulfillments,
    Products,
    Users,
    Groups,
    Tickets,
    Audits,
    StripeCustomers,
    Invoices,
    Charges,
    StripeRefunds,
    Disputes,
    FxRates,
    ContactCosts,
    Margins,
}

impl Table {
    pub const ALL: [Table; 18] = [
        Table::Customers,
        Table::Orders,
        Table::OrderLines,
        Table::Refunds,
        Table::Fulfillments,
        Table::Products,
        Table::Users,
        Table::Groups,
        Table::Tickets,
        Table::Audits,
        Table::StripeCustomers,
        Table::Invoices,
        Table::Charges,
        Table::StripeRefunds,
        Table::Disputes,
        Table::FxRates,
        Table::ContactCosts,
        Table::Margins,
    ];

    pub fn system(self) -> &'static str {
        match self as usize {
            0..=5 => "shopify",
            6..=9 => "zendesk",
            10..=14 => "stripe",
            _ => "controlling",
        }
    }

    pub fn object(self) -> &'static str {
        match self {
            Table::Customers | Table::StripeCustomers => "customers",
            Table::Orders => "orders",
            Table::OrderLines => "order_lines",
            Table::Refunds | Table::StripeRefunds => "refunds",
            Table::Fulfillments => "fulfillments",
            Table::Products => "products",
            Table::Users => "users",
            Table::Groups => "groups",
            Table::Tickets => "tickets",
            Table::Audits => "ticket_audits",
            Table::Invoices => "invoices",
            Table::Charges => "charges",
            Table::Disputes => "disputes",
            Table::FxRates => "fx_rates",
            Table::ContactCosts => "contact_costs",
            Table::Margins => "product_margins",
        }
    }

    pub fn format(self) -> &'static str {
        if self.columns().is_empty() { "jsonl" } else { "csv" }
    }

    pub fn line_end(self) -> &'static [u8] {
        if self.system() == "shopify" { b"\r\n" } else { b"\n" }
    }

    /// Columns of the CSV files; none for JSON Lines.
    pub fn columns(self) -> &'static [&'static str] {
        match self {
            Table::Customers => &[
                "id",
                "first_name",
                "last_name",
                "email",
                "phone",
                "accepts_marketing",
                "created_at",
                "updated_at",
                "default_address_address_1",
                "default_address_zip",
                "default_address_city",
                "default_address_country_code",
            ],
            Table::Orders => &[
                "id",
                "customer_id",
                "email",
                "phone",
                "created_at",
                "updated_at",
                "processed_at",
                "currency",
                "subtotal_price",
                "total_discounts",
                "total_tax",
                "total_price",
                "financial_status",
                "fulfillment_status",
                "cancelled_at",
                "cancel_reason",
                "source_name",
                "note",
            ],
            Table::OrderLines => {
                &["id", "order_id", "product_id", "sku", "title", "quantity", "price", "total_discount"]
            }
            Table::Refunds => &["id", "order_id", "created_at", "note", "amount", "currency"],
            Table::Fulfillments => &["id", "order_id", "created_at", "updated_at", "status", "delivered_at"],
            Table::Products => &["id", "title", "product_type", "vendor", "status", "updated_at"],
            Table::FxRates => &["date", "currency", "rate"],
            Table::ContactCosts => &["department", "channel", "cost_eur"],
            Table::Margins => &["product_id", "margin_rate"],
            _ => &[],
        }
    }

    /// A few files are compressed, as it happens in real drop folders.
    pub fn usual_compression(self, night: usize) -> Compression {
        match (self, night) {
            (Table::Audits | Table::FxRates, 0) => Compression::Gzip,
            (Table::Charges, 0) | (Table::Fulfillments, 2) | (Table::Tickets, 1) => Compression::Zstd,
            (Table::Invoices, 2) | (Table::OrderLines, 1) => Compression::Gzip,
            _ => Compression::None,
        }
    }

    /// Control totals of a file with so many rows and such a sum; None where the source gives none.
    pub fn control(self, rows: u64, sum: i128) -> Option<String> {
        let sums = match self {
            Table::Orders => {
                let mut text = vec![];
                push_decimal(&mut text, sum as i64, 2);
                format!(", \"sums\": {{\"total_price\": \"{}\"}}", String::from_utf8_lossy(&text))
            }
            Table::Invoices => format!(", \"sums\": {{\"amount_due\": \"{sum}\"}}"),
            Table::Audits | Table::Customers => String::new(),
            _ => return None,
        };
        Some(format!("{{\"rows\": {rows}{sums}}}\n"))
    }
}

/// Which field stands in which column of a file (None: a column that no contract names), and the header's bytes.
///
/// Headers change over the nights as those of real exports do: a new column, another order.
pub fn header(table: Table, night: usize, nights: usize) -> (Vec<Option<usize>>, Vec<u8>) {
    let columns = table.columns();
    let mut layout: Vec<Option<usize>> = (0..columns.len()).map(Some).collect();
    if table == Table::Orders && night > 0 && night + 1 == nights {
        layout.reverse();
    }
    if table == Table::Customers && night > 0 {
        layout.insert(3, None);
    }
    let mut head = vec![];
    if !columns.is_empty() {
        if table.system() == "shopify" {
            head.extend_from_slice(b"\xef\xbb\xbf");
        }
        let names: Vec<&str> = layout.iter().map(|c| c.map_or("tags", |c| columns[c])).collect();
        head.extend_from_slice(names.join(",").as_bytes());
        head.extend_from_slice(table.line_end());
    }
    (layout, head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_change_over_the_nights() {
        let first = header(Table::Orders, 0, 3);
        let last = header(Table::Orders, 2, 3);
        assert!(first.1.starts_with(b"\xef\xbb\xbfid,customer_id"));
        assert!(last.1.starts_with(b"\xef\xbb\xbfnote,"));
        assert_eq!(header(Table::Customers, 1, 3).0[3], None);
        assert!(header(Table::Tickets, 0, 3).1.is_empty());
    }

    #[test]
    fn control_totals_are_exact_text() {
        assert_eq!(
            Table::Orders.control(2, 123_456).as_deref(),
            Some("{\"rows\": 2, \"sums\": {\"total_price\": \"1234.56\"}}\n")
        );
        assert_eq!(Table::Charges.control(2, 1), None);
    }
}
