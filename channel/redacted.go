package channel

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/refundry/refundry/refund"
)

const (
	// maxRedactedText bounds one value that is kept, in bytes, and maxRedactedItems
	// the elements of a list.
	maxRedactedText  = 160
	maxRedactedItems = 10
	// hidden stands for a value that is not kept.
	hidden = "…"
)

// RedactedRequest is what is kept of a request: method and path, and of its body
// what Redacted leaves. It is bounded by refund.MaxExchange.
func RedactedRequest(method, path string, body []byte) string {
	path, _, _ = strings.Cut(path, "?")
	return bounded(method + " " + path + "\n" + redacted(body))
}

// RedactedAnswer is what is kept of an answer with an HTTP status.
func RedactedAnswer(status int, body []byte) string {
	return bounded(fmt.Sprintf("HTTP %d\n%s", status, redacted(body)))
}

func bounded(text string) string {
	text = strings.ToValidUTF8(strings.TrimRight(text, "\n"), "")
	if len(text) <= refund.MaxExchange {
		return text
	}
	return strings.ToValidUTF8(text[:refund.MaxExchange-len(hidden)], "") + hidden
}

// shownMembers are the members of channels' messages that say which refund it is and
// how it stands, in small letters without separators. Of all others, such as names,
// cards, signatures and keys, nothing but the member's name is kept: a list of what
// to hide would lack what a channel adds tomorrow.
var shownMembers = strings.Fields(`
	outrefundno refundid outtradeno transactionid tradeno outrequestno merorderid refundorderid targetorderid orderno id object charge
	paymentintent chargeid merchantrefundid orderid seqid refundseqid batchno
	status refundstatus targetstatus state succeed success result errcode errmsg errormsg failurecode failuremsg failurereason declinecode
	code msg message detail type subcode submsg fundchange channel method field issue location
	amount total refund payertotal payerrefund settlementtotal settlementrefund discountrefund currency refundamount totalamount refundfee
	sendbackfee amountrefunded refundcurrency settlementcurrency
	successtime createtime created timesucceed gmtrefundpay createdat updatedat refundtime paytime
	mid tid instmid msgtype hasmore
`)

// redacted is a body, JSON or a form, with the values of shownMembers alone.
func redacted(body []byte) string {
	body = bytes.TrimSpace(body)
	if len(body) == 0 {
		return ""
	}
	if text, ok := redactedJSON(body); ok {
		return text
	}
	form, err := url.ParseQuery(string(body))
	if err != nil || !bytes.ContainsRune(body, '=') || bytes.ContainsAny(body, "<> \n") {
		return fmt.Sprintf("(%d bytes)", len(body))
	}
	names := make([]string, 0, len(form))
	for name := range form {
		names = append(names, name)
	}
	slices.Sort(names)
	var out strings.Builder
	for _, name := range names {
		value := form.Get(name)
		if text, ok := redactedJSON([]byte(value)); ok && strings.HasPrefix(value, "{") {
			value = text // Alipay's form has its message in one field
		} else {
			value = fmt.Sprint(shown(name, value))
		}
		fmt.Fprintf(&out, "%s=%s\n", name, value)
	}
	return out.String()
}

func redactedJSON(body []byte) (string, bool) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var value any
	if decoder.Decode(&value) != nil || decoder.More() {
		return "", false
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	if encoder.Encode(shown("", value)) != nil {
		return "", false
	}
	return out.String(), true
}

// shown is what is kept of a member's value.
func shown(name string, value any) any {
	switch value := value.(type) {
	case map[string]any:
		out := make(map[string]any, len(value))
		for name, one := range value {
			out[name] = shown(name, one)
		}
		return out
	case []any:
		out := make([]any, 0, min(len(value), maxRedactedItems))
		for _, one := range value[:min(len(value), maxRedactedItems)] {
			out = append(out, shown(name, one))
		}
		return out
	case nil, bool:
		return value
	case string:
		if !slices.Contains(shownMembers, plainName(name)) {
			return hidden
		}
		if len(value) > maxRedactedText {
			value = strings.ToValidUTF8(value[:maxRedactedText], "") + hidden
		}
		if !utf8.ValidString(value) {
			return hidden
		}
		return value
	}
	if !slices.Contains(shownMembers, plainName(name)) {
		return hidden
	}
	return value
}

// plainName is a member's name in small letters without separators; of a form's nested
// name, such as refund[amount], the last part.
func plainName(name string) string {
	if at := strings.LastIndexByte(name, '['); at >= 0 {
		name = name[at:]
	}
	return strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || r == '[' || r == ']' {
			return -1
		}
		return r
	}, strings.ToLower(name))
}
