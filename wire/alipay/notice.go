package alipay

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/refundry/refundry/wire/exactjson"
	"github.com/refundry/refundry/wire/form"
	"github.com/refundry/refundry/wire/pemkey"
)

// ErrNotice: a notice or message can't be read.
var ErrNotice = errors.New("notice can't be read")

// Words of notices.
const (
	NotifyTrade       = "trade_status_sync"
	MethodDepositBack = "alipay.trade.refund.depositback.completed"
	// NoticeTaken is the answer to a notice that need not come again.
	NoticeTaken = "success"
	// NoticeNotTaken is any other answer: the notice comes again.
	NoticeNotTaken = "fail"
)

// MaxNotice bounds a notice's body, in bytes; the largest have some kilobytes.
const MaxNotice = 64 << 10

// ReadNotice reads the form of a notice or message. A parameter that comes twice is
// ErrNotice: two readers could take different ones.
func ReadNotice(body []byte) (Params, error) {
	pairs, err := form.Parse(body, form.Limits{Bytes: MaxNotice, Pairs: 200})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotice, err)
	}
	p := make(Params, len(pairs))
	for _, pair := range pairs {
		if _, twice := p[pair.Key]; twice {
			return nil, fmt.Errorf("%w: a parameter comes twice", ErrNotice)
		}
		p[pair.Key] = pair.Value
	}
	if charset := p["charset"]; charset != "" && !slices.Contains([]string{"utf-8", "utf8"}, strings.ToLower(charset)) {
		return nil, fmt.Errorf("%w: its charset is not utf-8", ErrNotice)
	}
	return p, nil
}

// IsMessage reports whether it came to the application gateway rather than to a
// notify_url.
func (p Params) IsMessage() bool { return p["msg_method"] != "" }

// VerifyNotice checks a trade notice's signature, which is over everything but sign
// and sign_type (A5-1). Errors are ErrUnsigned and pemkey.ErrSignature.
func (k Keys) VerifyNotice(p Params) error {
	return k.verifyParams(p, []string{paramSign, paramSignType})
}

// VerifyMessage checks a message's signature. The documents do not say whether it is
// over sign_type: both forms are taken (A5-2).
func (k Keys) VerifyMessage(p Params) error {
	return k.verifyParams(p, []string{paramSign, paramSignType}, []string{paramSign})
}

func (k Keys) verifyParams(p Params, forms ...[]string) error {
	if p[paramSign] == "" {
		return ErrUnsigned
	}
	if p[paramSignType] != SignType {
		return fmt.Errorf("%w: its sign_type is not %s", pemkey.ErrSignature, SignType)
	}
	for _, without := range forms {
		// Certificate mode names the certificate beside what is signed; clients of others
		// leave it out, and the documents are silent.
		for _, left := range [][]string{without, append([]string{paramCertSN}, without...)} {
			if k.verifyAny([]byte(p.Canonical(left...)), p[paramSign]) == nil {
				return nil
			}
		}
	}
	return pemkey.ErrSignature
}

// TradeNotice is a notice about a trade, verified. OutBizNo is the number of the
// refund that it is about, "" where it is about the trade itself.
type TradeNotice struct {
	ID, AppID                     string
	At                            time.Time
	TradeNo, OutTradeNo, OutBizNo string
	Status                        string
	// RefundFee is what was refunded of the trade so far; nil where it is absent.
	RefundFee *int64
	RefundAt  time.Time
}

// DecodeTradeNotice reads a trade notice. Errors are ErrNotice.
func DecodeTradeNotice(p Params) (TradeNotice, error) {
	n := TradeNotice{
		ID: p["notify_id"], AppID: p["app_id"], TradeNo: p["trade_no"], OutTradeNo: p["out_trade_no"], OutBizNo: p["out_biz_no"], Status: p["trade_status"],
	}
	if p["notify_type"] != NotifyTrade || n.TradeNo == "" && n.OutTradeNo == "" {
		return TradeNotice{}, fmt.Errorf("%w: it is not about a trade", ErrNotice)
	}
	for name, at := range map[string]*time.Time{"notify_time": &n.At, "gmt_refund": &n.RefundAt} {
		if p[name] == "" {
			continue
		}
		var err error
		if *at, err = ParseTime(p[name]); err != nil {
			return TradeNotice{}, fmt.Errorf("%w: %s: %w", ErrNotice, name, err)
		}
	}
	if text := p["refund_fee"]; text != "" {
		fen, err := ParseYuan(text)
		if err != nil {
			return TradeNotice{}, fmt.Errorf("%w: refund_fee: %w", ErrNotice, err)
		}
		n.RefundFee = &fen
	}
	if n.At.IsZero() {
		return TradeNotice{}, fmt.Errorf("%w: it has no notify_time", ErrNotice)
	}
	return n, nil
}

// DepositBackMessage says that a bank has taken a refund, or sent it back: then the
// money is in the payer's Alipay balance.
type DepositBackMessage struct {
	ID, AppID                         string
	At                                time.Time
	TradeNo, OutTradeNo, OutRequestNo string
	Status                            string // DepositBackDone or DepositBackFailed
}

// DecodeDepositBack reads a deposit-back message. Errors are ErrNotice.
func DecodeDepositBack(p Params) (DepositBackMessage, error) {
	m := DepositBackMessage{ID: p["notify_id"], AppID: p["app_id"]}
	if p["msg_method"] != MethodDepositBack {
		return m, fmt.Errorf("%w: its method is another", ErrNotice)
	}
	millis, err := strconv.ParseInt(p["utc_timestamp"], 10, 64)
	if err != nil || millis <= 0 || len(p["utc_timestamp"]) != 13 {
		return m, fmt.Errorf("%w: its utc_timestamp is not 13 digits", ErrNotice)
	}
	m.At = time.UnixMilli(millis)
	content, err := exactjson.Decode([]byte(p["biz_content"]), exactjson.Limits{Bytes: MaxNotice})
	if err != nil {
		return m, fmt.Errorf("%w: biz_content: %w", ErrNotice, err)
	}
	r := reader{node: content}
	m.TradeNo, m.OutTradeNo, m.OutRequestNo, m.Status = r.text("trade_no"), r.text("out_trade_no"), r.text("out_request_no"), r.text("dback_status")
	switch {
	case r.failure != nil:
		return m, fmt.Errorf("%w: %w", ErrNotice, r.failure)
	case m.OutRequestNo == "", m.TradeNo == "" && m.OutTradeNo == "":
		return m, fmt.Errorf("%w: it names no refund", ErrNotice)
	case m.Status != DepositBackDone && m.Status != DepositBackFailed:
		return m, fmt.Errorf("%w: its dback_status is neither S nor F", ErrNotice)
	}
	return m, nil
}
