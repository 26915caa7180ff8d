package chinaums

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/refundry/refundry/channelsim"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/wire/exactjson"
)

// Codes that the platform answers with.
const (
	codeSuccess    = "SUCCESS"
	codeBadSign    = "BAD_SIGN"
	codeBadTime    = "ABNORMAL_REQUEST_TIME"
	codeBadRequest = "BAD_REQUEST"
	codeNoService  = "NO_SERVICE"
	codeNoMerchant = "NO_MERCHANT"
	codeNoOrder    = "NO_ORDER"
	codeDuplicate  = "DUP_ORDER"
	codeClosed     = "OPERATION_NOT_ALLOWED"
	codeTarget     = "TARGET_FAIL"
	codeProcessing = "ORDER_PROCESSING"
	codeDiscarded  = "TXN_DISCARDED"
)

// Operations, by the path of the open platform and the msgType of legacy messages.
const (
	opRefund      = "refund"
	opRefundQuery = "refundQuery"
	opQuery       = "query"
	opBillRefund  = "bills.refund"
	opBillQuery   = "bills.query"
)

var paths = map[string]string{
	"/v1/netpay/refund": opRefund, "/v1/netpay/refund-query": opRefundQuery, "/v1/netpay/query": opQuery,
	"/v1/netpay/bills/refund": opBillRefund, "/v1/netpay/bills/query": opBillQuery,
}

// pathLegacy is where legacy messages are posted, below the side's address.
const pathLegacy = "/netpay-route-server/api"

// request is a caller's message, which Authenticate leaves for Serve and Sign.
type request struct {
	op     string
	legacy bool
	fields map[string]string
}

// Authenticate implements channelsim.Side.
func (s *Side) Authenticate(c *channelsim.Call) *channelsim.Answer {
	in := &request{}
	c.Caller = in
	refused := func(code, text string) *channelsim.Answer {
		a := answer(in, map[string]any{"errCode": code, "errMsg": text, "errInfo": text})
		s.Sign(c, &a, false)
		return &a
	}
	known := false
	if in.op, known = paths[c.Path]; !known && strings.TrimSuffix(c.Path, "/") != pathLegacy {
		return refused(codeNoService, "nothing is served at this path")
	}
	in.legacy = !known
	if c.Method != http.MethodPost {
		return refused(codeNoService, "messages are posted")
	}
	if !in.legacy {
		if code, text := s.openProblem(c); code != "" {
			return refused(code, text)
		}
	}
	object, err := exactjson.Decode(c.Body, exactjson.Limits{})
	if err != nil || object.Kind != exactjson.Object {
		return refused(codeBadRequest, "the body is no JSON object")
	}
	in.fields = fieldsOf(object)
	if in.legacy {
		if code, text := s.legacyProblem(in.fields); code != "" {
			return refused(code, text)
		}
		in.op = in.fields["msgType"]
	}
	if code, text := s.common(c, in.fields); code != "" {
		return refused(code, text)
	}
	return nil
}

// common checks what every message has.
func (s *Side) common(c *channelsim.Call, fields map[string]string) (code, text string) {
	at, err := time.ParseInLocation(time.DateTime, fields["requestTimestamp"], beijing)
	switch {
	case err != nil:
		return codeBadRequest, "requestTimestamp is yyyy-MM-dd HH:mm:ss"
	case c.At.Sub(at).Abs() > maxSkew:
		return codeBadTime, "requestTimestamp is not the time in Beijing"
	case fields["mid"] != s.mid || fields["tid"] != s.tid:
		return codeNoMerchant, "mid or tid is not known"
	case len(fields["instMid"]) < 8 || len(fields["instMid"]) > maxNumber:
		return codeBadRequest, "instMid has 8 to 32 characters"
	case len(fields["msgId"]) > maxMsgID, utf8.RuneCountInString(fields["srcReserve"]) > maxText, utf8.RuneCountInString(fields["refundDesc"]) > maxText:
		return codeBadRequest, "msgId, srcReserve or refundDesc is too long"
	}
	return "", ""
}

// Serve implements channelsim.Side.
func (s *Side) Serve(c *channelsim.Call) channelsim.Answer {
	in := c.Caller.(*request)
	switch in.op {
	case opRefund, opBillRefund:
		return s.refund(c, in)
	case opRefundQuery:
		return s.refundQuery(c, in)
	case opBillQuery:
		return s.billQuery(c, in)
	case opQuery:
		return s.query(c, in)
	}
	return refuse(c, in, codeNoService, "msgType is not known")
}

// isNumber reports whether a number of an order or refund has its form.
func isNumber(text string, most int) bool {
	return len(text) >= minNumber && len(text) <= most && strings.Trim(text, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-") == ""
}

// amountOf reads an amount in fen, sent as a number or as a text.
func amountOf(text string) (money.Minor, bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	return money.Minor(n), err == nil && n >= 1 && n <= maxAmount && strconv.FormatInt(n, 10) == text
}

// refuse answers with a code. What the caller sent to be echoed is echoed.
func refuse(c *channelsim.Call, in *request, code, text string) channelsim.Answer {
	return respond(c, in, map[string]any{"errCode": code, "errMsg": text})
}

// respond answers with fields, and with those that every answer has.
func respond(c *channelsim.Call, in *request, fields map[string]any) channelsim.Answer {
	for _, name := range []string{"msgId", "mid", "tid", "instMid", "srcReserve", "msgSrc"} {
		if _, has := fields[name]; !has && in.fields[name] != "" {
			fields[name] = in.fields[name]
		}
	}
	fields["responseTimestamp"] = c.At.In(beijing).Format(time.DateTime)
	return answer(in, fields)
}

// answer writes an answer. Legacy ones have every amount as a text.
func answer(in *request, fields map[string]any) channelsim.Answer {
	if in.legacy {
		for name, value := range fields {
			if amount, is := value.(money.Minor); is {
				fields[name] = strconv.FormatInt(int64(amount), 10)
			}
		}
		if in.op != "" {
			fields["msgType"] = in.op
		}
	}
	body, _ := json.Marshal(fields) // of texts, amounts and maps of them
	return channelsim.Answer{Status: http.StatusOK, Header: http.Header{"Content-Type": {"application/json; charset=utf-8"}}, Body: body}
}

// Sign implements channelsim.Side: legacy answers carry a signature of the kind that
// the request has; those of the open platform carry none.
func (s *Side) Sign(c *channelsim.Call, a *channelsim.Answer, wrong bool) {
	in, ok := c.Caller.(*request)
	if !ok || !in.legacy {
		return
	}
	object, err := exactjson.Decode(a.Body, exactjson.Limits{})
	if err != nil {
		return
	}
	signature := legacySignature(signedText(fieldsOf(object)), s.communicationKey, in.fields["signType"])
	if wrong {
		signature = strings.Repeat("0", len(signature))
	}
	a.Body = append(a.Body[:len(a.Body)-1:len(a.Body)-1], `,"sign":"`+signature+`"}`...)
}

// Throttled implements channelsim.Side: dropped under load, and not carried out.
func (*Side) Throttled(c *channelsim.Call) channelsim.Answer {
	return refuse(c, c.Caller.(*request), codeDiscarded, "系统繁忙，交易被丢弃")
}

// ShortOfFunds implements channelsim.Side: the platform has no code of
// its own for it.
func (*Side) ShortOfFunds(c *channelsim.Call) channelsim.Answer {
	return refuse(c, c.Caller.(*request), codeTarget, "商户可退余额不足")
}
