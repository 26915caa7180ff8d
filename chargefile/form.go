package chargefile

import (
	"slices"
	"strings"
)

// Form is what the lines of a file are: which columns there may be, and how
// their cells are read.
type Form struct {
	columns []string
	// headings are what people in China call some of the columns. Amounts are not
	// among them but where they say that they count fen, or yuan: 金额 alone is most
	// often in yuan, and would be read as a hundredth.
	headings map[string]string
	// numbers hold whole numbers, and texts what a person wrote.
	numbers, texts []string
	bills          bool   // a channel's bill is taken too
	help           string // where the columns are listed
}

// The forms.
var (
	// Charges are paid charges, in Columns or as a bill.
	Charges = &Form{
		columns: Columns, headings: chargeHeadings, bills: true, help: "refundry charge import --help lists them",
		numbers: []string{"amount", "fee", "already_refunded"}, texts: []string{"received_account", "subject", "body", "description"},
	}
	// Refunds are refunds to be made, in RefundColumns. Amounts stay texts: whoever
	// reads them knows the currency only when the charge is found.
	Refunds = &Form{
		columns: RefundColumns, headings: refundHeadings, help: "refundry bulk add --help lists them", texts: []string{"reason"},
	}
)

// RefundColumns are the members of a refund to be made. An amount is in minor
// units or the word full; amount_decimal is written with the currency's decimals.
var RefundColumns = []string{"charge", "amount", "amount_decimal", "currency", "reason", "reason_code", "customer", "number"}

var chargeHeadings = map[string]string{
	"订单号": "order_no", "商户订单号": "order_no", "金额(分)": "amount", "币种": "currency", "渠道": "channel", "支付渠道": "channel",
	"支付时间": "paid_at", "付款时间": "paid_at", "交易流水号": "transaction_id", "渠道流水号": "transaction_id",
	"客户": "customer", "客户号": "customer", "客户编号": "customer", "会员号": "customer", "会员编号": "customer", "用户编号": "customer",
	"手续费(分)": "fee", "已退款金额(分)": "already_refunded",
}

var refundHeadings = map[string]string{
	"订单号": "charge", "商户订单号": "charge", "支付单号": "charge", "交易流水号": "charge", "渠道流水号": "charge", "微信订单号": "charge", "支付宝交易号": "charge",
	"金额(分)": "amount", "退款金额(分)": "amount", "金额(元)": "amount_decimal", "退款金额(元)": "amount_decimal", "币种": "currency",
	"原因": "reason", "退款原因": "reason", "退款单号": "number", "商户退款单号": "number",
	"客户": "customer", "客户号": "customer", "客户编号": "customer", "会员号": "customer", "会员编号": "customer", "用户编号": "customer",
}

// column is the name of ours that a title stands for, as far as it has one.
func (f *Form) column(title string) string {
	if name, is := f.headings[title]; is {
		return name
	}
	return strings.ToLower(title)
}

// readHeader cuts a header line by the separator that finds the most known
// names in it. known is how many they are.
func (f *Form) readHeader(text string) (separator byte, known int) {
	separator = separators[0]
	for _, candidate := range []byte(separators) {
		count := 0
		cells, _, _ := cut(text, candidate)
		for _, cell := range cells {
			name := title(cell)
			if slices.Contains(f.columns, f.column(name)) || f.bills && billColumn(name) {
				count++
			}
		}
		if count > known {
			separator, known = candidate, count
		}
	}
	return separator, known
}
