package chargefile

import (
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/refundry/refundry/money"
)

// beijing is the zone of both channels' bills.
var beijing = time.FixedZone("UTC+8", 8*60*60)

// bill is a channel's list of payments, refunds and totals. Its columns are
// found by their titles, since kinds and years of bills differ in the others.
type bill struct {
	name string
	// needed are the titles without which a row can't be read. By the first,
	// the channel's number of a payment, the bill is recognized.
	needed []string
	// refunded is what a row gives back of its payment; refund is false for a
	// row that is a payment itself.
	refunded func(c billRow) (amount money.Minor, refund bool, err error)
	// payment fills the body of a charge.
	payment func(c billRow, opts Options, body map[string]any) error
}

// The titles in bills that are read. Alipay's have wide parentheses.
const (
	weChatTransaction = "微信订单号"
	weChatState       = "交易状态"
	weChatTime        = "交易时间"
	weChatAmount      = "订单金额"
	weChatRefundAsked = "申请退款金额"
	alipayTransaction = "支付宝交易号"
	alipayKind        = "业务类型"
	alipayAmount      = "订单金额(元)"
	alipayMade        = "创建时间"
	alipayFee         = "服务费(元)"
	merchantOrder     = "商户订单号"
)

var bills = []*bill{
	{"a bill of WeChat Pay", []string{weChatTransaction, merchantOrder, weChatTime, weChatState, weChatAmount}, weChatRefunded, weChatPayment},
	{"a bill of Alipay", []string{alipayTransaction, merchantOrder, alipayKind, alipayMade, alipayAmount}, alipayRefunded, alipayPayment},
}

// title is a column's title as bills are searched for it.
func title(cell string) string {
	return strings.NewReplacer("（", "(", "）", ")").Replace(clean(cell))
}

func findBill(columns []string) *bill {
	for _, b := range bills {
		if slices.Contains(columns, b.needed[0]) {
			return b
		}
	}
	return nil
}

func billColumn(name string) bool {
	return slices.ContainsFunc(bills, func(b *bill) bool { return slices.Contains(b.needed, name) })
}

func (b *bill) check(columns []string) error {
	for _, name := range b.needed {
		if !slices.Contains(columns, name) {
			return fmt.Errorf("the file looks like %s, but has no column %s (hint: take the bill of transactions, not that of funds)", b.name, name)
		}
	}
	return nil
}

// passes recognizes the lines behind the rows: titles, which begin with # or
// have no backquote, and totals, which are numbers alone.
func (b *bill) passes(text string, cells []string) bool {
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "#") || strings.HasPrefix(text, "总交易单数") {
		return true
	}
	for len(cells) > 0 && cells[len(cells)-1] == "" {
		cells = cells[:len(cells)-1]
	}
	return len(cells) > 1 && len(cells) <= maxTotals &&
		!slices.ContainsFunc(cells, func(cell string) bool { return strings.Trim(cell, "`-.0123456789") != "" })
}

// maxTotals is the most cells of a line of totals; a row has 20 and more.
const maxTotals = 10

// billRow is a row's cells by their titles.
type billRow map[string]string

// amount reads an amount in major units, such as 12.50, 0.00500 or -12.50.
func (c billRow) amount(name string, currency money.Currency) (money.Minor, error) {
	unsigned, negative := strings.CutPrefix(c[name], "-")
	if whole, fraction, dotted := strings.Cut(unsigned, "."); dotted {
		keep := min(len(fraction), currency.Exponent())
		unsigned = whole + "." + fraction[:keep] + strings.TrimRight(fraction[keep:], "0")
	}
	amount, err := money.Parse(unsigned, currency)
	if err != nil {
		return 0, fmt.Errorf("%s: %q is no amount of %s", name, c[name], currency)
	}
	if negative {
		amount = -amount
	}
	return amount, nil
}

// billRefunds is what was refunded of the payments of a bill.
type billRefunds struct {
	seed   maphash.Seed
	paid   map[uint64]struct{} // hashes of the payments that the bill has
	amount map[string]money.Minor
	broken map[string]bool     // payments with a refund that can't be read
	texts  map[string][]string // the lines of refunds
}

// addUpRefunds reads a bill to its end for its refunds alone.
func addUpRefunds(t *table) (*billRefunds, error) {
	sums := &billRefunds{seed: maphash.MakeSeed(), paid: make(map[uint64]struct{}), amount: make(map[string]money.Minor), broken: make(map[string]bool), texts: make(map[string][]string)}
	t.sums = sums
	for {
		if _, err := t.next(); errors.Is(err, io.EOF) {
			return sums, nil
		} else if err != nil {
			return nil, fmt.Errorf("read the bill's refunds: %w", err)
		}
	}
}

// add counts a refund, or remembers that there is one that can't be counted.
func (s *billRefunds) add(transaction string, amount money.Minor, err error, text string) {
	sum, ok := money.Add(s.amount[transaction], amount)
	switch {
	case err != nil || !ok:
		s.broken[transaction] = true
	case amount == 0:
		return // it failed
	default:
		s.amount[transaction] = sum
	}
	s.texts[transaction] = append(s.texts[transaction], text)
}

func (s *billRefunds) has(transaction string) bool {
	_, has := s.paid[maphash.String(s.seed, transaction)]
	return has
}

// billRow makes the body of a charge from a row of a bill, or says why the row
// is passed over. The first time that a bill is read, it adds up.
func (t *table) billRow(line *Line, cells []string) (body map[string]any, err error) {
	c := make(billRow, t.width)
	for n, name := range t.columns[:t.width] {
		c[name] = strings.TrimPrefix(cells[n], "`")
	}
	transaction := c[t.bill.needed[0]]
	if transaction == "" {
		return nil, fmt.Errorf("%s is empty", t.bill.needed[0])
	}
	amount, refund, err := t.bill.refunded(c)
	switch {
	case t.sums != nil:
		line.Passed = "read for its refunds"
		if refund {
			t.sums.add(transaction, amount, err, line.Text)
		} else {
			t.sums.paid[maphash.String(t.sums.seed, transaction)] = struct{}{}
		}
		return nil, nil
	case err != nil:
		return nil, err
	case refund && amount == 0:
		line.Passed = "a refund that failed"
		return nil, nil
	case refund && !t.refunds.has(transaction):
		return nil, fmt.Errorf("a refund of payment %s, which is not in this file (hint: join the bills of both days, or register the payment with already_refunded)", transaction)
	case refund:
		line.Passed = "a refund, counted as already_refunded of its payment"
		return nil, nil
	}
	if t.refunds.broken[transaction] {
		return nil, errors.New("a refund of this payment in the same file can't be read")
	}
	line.With = t.refunds.texts[transaction]
	body = map[string]any{"transaction_id": transaction, "order_no": c[merchantOrder]}
	if before := t.refunds.amount[transaction]; before != 0 {
		body["already_refunded"] = before
	}
	return body, t.bill.payment(c, t.opts, body)
}

func weChatCurrency(c billRow) money.Currency {
	if code := c["货币种类"]; code != "" {
		return money.Currency(code)
	}
	return "CNY"
}

func weChatRefunded(c billRow) (money.Minor, bool, error) {
	switch state := c[weChatState]; state {
	case "SUCCESS":
		return 0, false, nil
	case "REFUND", "REVOKED":
		if c["退款状态"] == "FAIL" {
			return 0, true, nil
		}
		amount, err := c.amount(weChatRefundAsked, weChatCurrency(c))
		if err == nil && amount <= 0 {
			err = fmt.Errorf("%s: a refund of %q", weChatRefundAsked, c[weChatRefundAsked])
		}
		return amount, true, err
	default:
		return 0, false, fmt.Errorf("%s: %q is neither SUCCESS, REFUND nor REVOKED", weChatState, state)
	}
}

// weChatChannels are the channels of WeChat Pay's ways of paying, in Ping++'s
// words.
var weChatChannels = map[string]string{"JSAPI": "wx_pub", "NATIVE": "wx_pub_qr", "APP": "wx", "MICROPAY": "wx_pub_scan", "MWEB": "wx_wap"}

func weChatPayment(c billRow, opts Options, body map[string]any) error {
	currency := weChatCurrency(c)
	total, err := c.amount(weChatAmount, currency)
	if err != nil {
		return err
	}
	if body["paid_at"], err = moment(c[weChatTime], beijing); err != nil {
		return fmt.Errorf("%s: %w", weChatTime, err)
	}
	body["amount"], body["currency"], body["channel"] = total, currency, opts.Channel
	if opts.Channel == "" {
		kind, known := weChatChannels[c["交易类型"]]
		if !known {
			return fmt.Errorf("交易类型: no channel is known for %q (hint: name it with --channel)", c["交易类型"])
		}
		body["channel"] = kind
	}
	if coupons := weChatCoupons(c, total, currency); len(coupons) > 0 {
		body["coupons"] = coupons
	}
	// A fee of less than the currency's minor unit stays unknown.
	if fee, err := c.amount("手续费", currency); err == nil {
		body["fee"] = fee
	}
	if opts.NamesWeChat {
		names := map[string]any{"mchid": c["商户号"]}
		if sub := c["特约商户号"]; sub != "" && sub != "0" {
			names["sub_mchid"] = sub
		}
		body["identities"] = map[string]any{"wechatpay": names}
	}
	return nil
}

// weChatCoupons are what coupons paid: those that WeChat settles with the
// merchant (CASH), and those that it does not, by which the settled amount is
// below the order's (NOCASH). A bill has no numbers of coupons.
func weChatCoupons(c billRow, total money.Minor, currency money.Currency) []map[string]any {
	var coupons []map[string]any
	add := func(id, kind string, amount money.Minor) {
		if amount > 0 {
			coupons = append(coupons, map[string]any{"id": id, "scope": "GLOBAL", "type": kind, "amount": amount})
		}
	}
	if cash, err := c.amount("代金券金额", currency); err == nil {
		add("bill-cash", "CASH", cash)
	}
	if settled, err := c.amount("应结订单金额", currency); err == nil {
		add("bill-nocash", "NOCASH", total-settled)
	}
	return coupons
}

func alipayRefunded(c billRow) (money.Minor, bool, error) {
	switch kind := c[alipayKind]; {
	case kind == "交易":
		return 0, false, nil
	case strings.Contains(kind, "退款"):
		amount, err := c.amount(alipayAmount, "CNY")
		if err == nil && amount >= 0 {
			err = fmt.Errorf("%s: a refund of %q, which should be negative", alipayAmount, c[alipayAmount])
		}
		return -amount, true, err
	default:
		return 0, false, fmt.Errorf("%s: %q is neither 交易 nor 退款", alipayKind, kind)
	}
}

func alipayPayment(c billRow, opts Options, body map[string]any) (err error) {
	if body["amount"], err = c.amount(alipayAmount, "CNY"); err != nil {
		return err
	}
	name := "完成时间"
	if c[name] == "" {
		name = alipayMade
	}
	if body["paid_at"], err = moment(c[name], beijing); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	// The fee is a debit, and negative.
	if fee, err := c.amount(alipayFee, "CNY"); err == nil {
		body["fee"] = max(fee, -fee)
	}
	body["currency"], body["channel"] = "CNY", opts.Channel
	if opts.Channel == "" {
		body["channel"] = "alipay"
	}
	return nil
}
