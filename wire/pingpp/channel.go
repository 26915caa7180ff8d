package pingpp

import "unicode/utf8"

// Unit tells what a text limit counts.
type Unit int

// Characters are Unicode code points; Bytes are those of UTF-8, the encoding
// that the documents leave open (P3.3-3 to P3.3-7).
const (
	Characters Unit = iota
	Bytes
)

// String names the unit for messages: "characters" or "bytes".
func (unit Unit) String() string {
	if unit == Bytes {
		return "bytes"
	}
	return "characters"
}

// TextLimit is the greatest length of a text, Max units.
type TextLimit struct {
	Unit Unit
	Max  int
}

// Allows reports whether text is within the limit. The empty text always is.
func (limit TextLimit) Allows(text string) bool {
	if limit.Unit == Bytes {
		return len(text) <= limit.Max
	}
	return utf8.RuneCountInString(text) <= limit.Max
}

// OrderNoRule is what a channel accepts as a charge's order_no (P3.2-2): Min to
// Max characters, letters and digits alone if Alphanumeric is set. With
// UniqueWithinDay the number must not come again on the same day only.
type OrderNoRule struct {
	Min, Max        int
	Alphanumeric    bool
	UniqueWithinDay bool
}

// Allows reports whether orderNo has an accepted form. Whether it was used
// before is for the caller to know.
func (rule OrderNoRule) Allows(orderNo string) bool {
	length := utf8.RuneCountInString(orderNo)
	if length < rule.Min || length > rule.Max {
		return false
	}
	return !rule.Alphanumeric || isAlphanumeric(orderNo)
}

// Limits of channels without a rule of their own.
const (
	ordinaryDescription  = 255
	ordinarySubject      = 32
	ordinaryBody         = 128
	ordinaryWindowMonths = 1
	// ordinaryOrderNo is our guess, the widest of the documented rules.
	ordinaryOrderNo = 64
)

// Channel holds the peculiarities of a payment channel (such as P2.2-7, P3.2-2
// and P3.3-13). A parameter that a channel does not accept is ignored and not
// refused, as the documents do not call it an error.
type Channel struct {
	Name string
	// Description limits a refund's, Subject and Body a charge's texts.
	Description TextLimit
	Subject     TextLimit
	Body        TextLimit
	OrderNo     OrderNoRule
	// FullRefundOnly: a refund must take everything that is refundable.
	FullRefundOnly bool
	// RefundWindowMonths counts calendar months from the payment, 1 to 12.
	RefundWindowMonths int
	// What a refund may carry: funding_source, extra[hide_reason],
	// extra[split_fund_info], and extra[rate] with extra[refund_amount].
	FundingSource bool
	HideReason    bool
	SplitFundInfo bool
	ExchangeRate  bool
}

// Channels are all channels of the documents, by name.
func Channels() map[string]Channel {
	all := make(map[string]Channel, len(peculiarities))
	for name := range peculiarities {
		all[name], _ = ChannelNamed(name)
	}
	return all
}

// ChannelNamed returns what is special about the channel. known is false for a
// name outside the documents; such a channel is an ordinary one, because the
// service adds channels faster than its documents name them (P2.4-2).
func ChannelNamed(name string) (channel Channel, known bool) {
	channel, known = peculiarities[name]
	channel.Name = name
	if channel.Description.Max == 0 {
		channel.Description = TextLimit{Characters, ordinaryDescription}
	}
	if channel.Subject.Max == 0 {
		channel.Subject = TextLimit{Characters, ordinarySubject}
	}
	if channel.Body.Max == 0 {
		channel.Body = TextLimit{Characters, ordinaryBody}
	}
	if channel.OrderNo.Max == 0 {
		channel.OrderNo = OrderNoRule{Min: 1, Max: ordinaryOrderNo}
	}
	if channel.RefundWindowMonths == 0 {
		channel.RefundWindowMonths = ordinaryWindowMonths
	}
	return channel, known
}
