package alipay

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/refundry/refundry/channelsim"
	"github.com/refundry/refundry/money"
)

// The attributes of a refund.
const (
	attributeReason  = "refund_reason"
	attributeDeposit = "deposit_back_info" // "yes": the request asked for messages of the bank
)

// refundBiz is the content of a refund request: every member that the documents have.
// One that they don't have is refused, because the platform warns of what it may lead
// to.
type refundBiz struct {
	OutTradeNo      string          `json:"out_trade_no"`
	TradeNo         string          `json:"trade_no"`
	RefundAmount    yuanText        `json:"refund_amount"`
	RefundCurrency  string          `json:"refund_currency"`
	RefundReason    string          `json:"refund_reason"`
	OutRequestNo    string          `json:"out_request_no"`
	Royalties       []royalty       `json:"refund_royalty_parameters"`
	QueryOptions    []string        `json:"query_options"`
	Goods           json.RawMessage `json:"refund_goods_detail"`
	OperatorID      string          `json:"operator_id"`
	StoreID         string          `json:"store_id"`
	TerminalID      string          `json:"terminal_id"`
	OrgPID          string          `json:"org_pid"`
	TransOut        string          `json:"refund_trans_out"`
	TransOutType    string          `json:"refund_trans_out_type"`
	AdvanceAccount  string          `json:"refund_advance_account"`
	AdvanceType     string          `json:"refund_advance_account_type"`
	SettleConfirmNo string          `json:"related_settle_confirm_no"`
}

// royalty is a share that somebody gives back.
type royalty struct {
	RoyaltyType  string   `json:"royalty_type"`
	TransOut     string   `json:"trans_out"`
	TransOutType string   `json:"trans_out_type"`
	TransIn      string   `json:"trans_in"`
	TransInType  string   `json:"trans_in_type"`
	TransInName  string   `json:"trans_in_name"`
	Amount       yuanText `json:"amount"`
	Percentage   string   `json:"amount_percentage"`
	Desc         string   `json:"desc"`
	Scene        string   `json:"royalty_scene"`
}

// yuanText is an amount in yuan, sent as a text or as a number whose digits count.
type yuanText string

// UnmarshalJSON implements json.Unmarshaler.
func (y *yuanText) UnmarshalJSON(raw []byte) error {
	if len(raw) > 0 && raw[0] == '"' {
		return json.Unmarshal(raw, (*string)(y))
	}
	*y = yuanText(raw)
	return nil
}

var yuanForm = regexp.MustCompile(`^(\d{1,12})(?:\.(\d{1,2}))?$`)

// fen reads an amount of more than 0 with at most two decimals.
func (y yuanText) fen() (money.Minor, bool) {
	parts := yuanForm.FindStringSubmatch(string(y))
	if parts == nil {
		return 0, false
	}
	n, err := strconv.ParseInt(parts[1]+(parts[2] + "00")[:2], 10, 64)
	return money.Minor(n), err == nil && n > 0 && n < math.MaxInt64/2
}

func yuan(fen money.Minor) string {
	sign := ""
	if fen < 0 {
		sign, fen = "-", -fen
	}
	return fmt.Sprintf("%s%d.%02d", sign, fen/100, fen%100)
}

// read reads a content strictly.
func read(biz string, into any) error {
	decoder := json.NewDecoder(strings.NewReader(biz))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("biz_content has more than one value")
	}
	return nil
}

// form says what is wrong with a request's form.
func (in refundBiz) form() string {
	if in.OutTradeNo == "" && in.TradeNo == "" {
		return "out_trade_no and trade_no are missing"
	}
	amount, good := in.RefundAmount.fen()
	switch {
	case !good:
		return "refund_amount must be yuan with at most two decimals, more than 0"
	case len(in.OutTradeNo) > 64 || len(in.TradeNo) > 64 || len(in.OutRequestNo) > 64:
		return "a number has more than 64 characters"
	case utf8.RuneCountInString(in.RefundReason) > 256:
		return "refund_reason has more than 256 characters"
	case in.RefundCurrency != "" && in.RefundCurrency != "CNY":
		return "refund_currency must be CNY"
	}
	for _, option := range in.QueryOptions {
		if !slices.Contains([]string{"refund_detail_item_list", "deposit_back_info", "refund_voucher_detail_list", "pre_auth_cancel_fee"}, option) {
			return "query_options has " + option
		}
	}
	for _, one := range in.Royalties {
		share, good := one.Amount.fen()
		switch {
		case !good || share > amount:
			return "the shares are amounts that together are at most refund_amount"
		case one.RoyaltyType != "" && one.RoyaltyType != "transfer" && one.RoyaltyType != "replenish", one.TransOut == "":
			return "a share has a trans_out, and royalty_type is transfer or replenish"
		case one.TransOutType != "" && one.TransOutType != "userId" && one.TransOutType != "loginName":
			return "trans_out_type must be userId or loginName"
		}
		amount -= share
	}
	return ""
}

// refund is alipay.trade.refund.
func (s *Side) refund(c *channelsim.Call, biz string) channelsim.Answer {
	var in refundBiz
	if err := read(biz, &in); err != nil {
		return refuse("ACQ.INVALID_PARAMETER", "参数无效: "+err.Error())
	}
	if wrong := in.form(); wrong != "" {
		return refuse("ACQ.INVALID_PARAMETER", "参数无效: "+wrong)
	}
	key := in.OutRequestNo
	if key == "" {
		key = in.OutTradeNo + in.TradeNo
	}
	if early := c.Begin(channelsim.StepSubmit, key); early != nil {
		return *early
	}
	p := trade(c.Books, in.TradeNo, in.OutTradeNo)
	if p == nil {
		return refuse("ACQ.TRADE_NOT_EXIST", "交易不存在")
	}
	amount, _ := in.RefundAmount.fen() // as form has read it
	number := in.OutRequestNo
	if number == "" {
		number = p.Number
	}
	if r := refundOf(c.Books, p, number); r != nil {
		return s.again(c, p, r, amount)
	}
	if refused := s.rules(c, p, in, amount); refused != nil {
		return *refused
	}
	attributes := map[string]string{attributeReason: in.RefundReason}
	if slices.Contains(in.QueryOptions, "deposit_back_info") && p.Attributes[attributeBank] != "" {
		attributes[attributeDeposit] = "yes"
	}
	settle := time.Duration(0)
	if p.Attributes[attributeBank] != "" {
		settle = bankTime
	}
	r, err := c.Books.Create(p, channelsim.Refund{Number: number, Amount: amount, NotifyURL: c.Caller.(*request).params["notify_url"], Attributes: attributes}, settle)
	if err != nil {
		return refuse("ACQ.REASON_TRADE_REFUND_FEE_ERR", "退款金额无效")
	}
	return s.refunded(c, p, r, in.QueryOptions)
}

// again answers a repeat: it moves nothing, and says so by fund_change.
func (s *Side) again(c *channelsim.Call, p *channelsim.Payment, r *channelsim.Refund, amount money.Minor) channelsim.Answer {
	if r.Amount != amount {
		return refuse("ACQ.DISCORDANT_REPEAT_REQUEST", "不一致的请求")
	}
	return answer(refundAnswer{
		success: ok, BuyerLogonID: "sim***@example.com", FundChange: "N", OutTradeNo: p.Number, TradeNo: p.TransactionID, RefundFee: yuan(refundedOf(c.Books, p, r, c.View(r))), SendBackFee: "0.00",
	})
}

// rules are what the platform refuses of a new refund.
func (s *Side) rules(c *channelsim.Call, p *channelsim.Payment, in refundBiz, amount money.Minor) *channelsim.Answer {
	refused := func(sub, message string) *channelsim.Answer { a := refuse(sub, message); return &a }
	now, all := c.Books.Now(), c.Books.RefundsOf(p)
	left := p.Amount - taken(c.Books, p)
	switch {
	case now.After(p.PaidAt.AddDate(0, windowMonths, 0)):
		return refused("ACQ.TRADE_HAS_FINISHED", "交易已完结")
	case left <= 0:
		return refused("ACQ.TRADE_HAS_CLOSE", "交易已经关闭")
	case amount > left:
		return refused("ACQ.REASON_TRADE_REFUND_FEE_ERR", "退款金额无效")
	case in.OutRequestNo == "" && amount != p.Amount:
		return refused("ACQ.REFUND_AMT_NOT_EQUAL_TOTAL", "撤销或退款金额与订单金额不一致")
	case len(all) > 0 && now.Sub(all[len(all)-1].CreatedAt) < spacing:
		// What the platform says is not documented: it may be anything.
		return refused("ACQ.SYSTEM_ERROR", "系统错误: 同一笔交易多次退款需间隔3秒")
	}
	return nil
}

// taken is what the refunds of a trade take of it. What a bank sent back is in the
// payer's balance at Alipay, and not refundable again.
func taken(books *channelsim.Books, p *channelsim.Payment) (sum money.Minor) {
	for _, r := range books.RefundsOf(p) {
		if r.State != channelsim.Failed {
			sum += r.Amount
		}
	}
	return sum
}

// refundedOf is what was refunded of a trade so far, with one refund as it shall be
// shown.
func refundedOf(books *channelsim.Books, p *channelsim.Payment, r *channelsim.Refund, shown channelsim.Refund) (sum money.Minor) {
	for _, one := range books.RefundsOf(p) {
		switch {
		case one == r && succeeded(shown):
			sum += shown.Amount
		case one != r && succeeded(*one):
			sum += one.Amount
		}
	}
	return sum
}

// succeeded reports whether a payer has the money, wherever.
func succeeded(r channelsim.Refund) bool {
	return r.State == channelsim.Succeeded || r.State == channelsim.Returned
}

// trade finds a payment. Where both numbers are sent the platform's own decides.
func trade(books *channelsim.Books, tradeNo, outTradeNo string) *channelsim.Payment {
	if tradeNo != "" {
		return books.Payment(tradeNo)
	}
	return books.PaymentByNumber(outTradeNo)
}

// refundOf finds a refund of a trade: a number is unique for its trade alone.
func refundOf(books *channelsim.Books, p *channelsim.Payment, number string) *channelsim.Refund {
	all := books.RefundsOf(p)
	at := slices.IndexFunc(all, func(r *channelsim.Refund) bool { return r.Number == number })
	if at < 0 {
		return nil
	}
	return all[at]
}

type refundAnswer struct {
	success
	BuyerLogonID string      `json:"buyer_logon_id"`
	FundChange   string      `json:"fund_change"`
	GMTRefundPay string      `json:"gmt_refund_pay,omitempty"`
	OutTradeNo   string      `json:"out_trade_no"`
	RefundFee    string      `json:"refund_fee"`
	Details      []fundsItem `json:"refund_detail_item_list,omitempty"`
	SendBackFee  string      `json:"send_back_fee"`
	TradeNo      string      `json:"trade_no"`
	HasDeposit   string      `json:"has_deposit_back,omitempty"`
}

// fundsItem is where a part of the money goes.
type fundsItem struct {
	Amount      string `json:"amount"`
	FundChannel string `json:"fund_channel"`
	FundType    string `json:"fund_type,omitempty"`
}

func details(p *channelsim.Payment, amount money.Minor) []fundsItem {
	if card := p.Attributes[attributeBank]; card != "" {
		return []fundsItem{{yuan(amount), "BANKCARD", card}}
	}
	return []fundsItem{{yuan(amount), "ALIPAYACCOUNT", ""}}
}

// refunded answers a new refund: Y where the money has moved.
func (s *Side) refunded(c *channelsim.Call, p *channelsim.Payment, r *channelsim.Refund, options []string) channelsim.Answer {
	shown := c.View(r)
	out := refundAnswer{
		success: ok, BuyerLogonID: "sim***@example.com", FundChange: "N", OutTradeNo: p.Number, TradeNo: p.TransactionID,
		RefundFee: yuan(refundedOf(c.Books, p, r, shown)), SendBackFee: "0.00",
	}
	if succeeded(shown) {
		out.FundChange, out.GMTRefundPay, out.SendBackFee = "Y", stamp(shown.SucceededAt), yuan(shown.Amount)
		if slices.Contains(options, "refund_detail_item_list") {
			out.Details = details(p, shown.Amount)
		}
	}
	if shown.Attributes[attributeDeposit] != "" {
		out.HasDeposit = "true"
	}
	return answer(out)
}

// compact writes a value as JSON.
func compact(content any) string {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(content) // of structs of texts
	return strings.TrimSuffix(text.String(), "\n")
}
