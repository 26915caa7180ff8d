package pingpp

import (
	"strings"

	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/exactjson"
	wire "github.com/refundry/refundry/wire/pingpp"
)

// maxSplits bounds the shares of one refund; the documents name no limit, and
// Alipay's own is 20.
const maxSplits = 100

// refundExtra reads extra (P3.3-13 to P3.3-18). A parameter of another channel
// is ignored. The shares sum up to at most most.
func refundExtra(params exactjson.Value, channel wire.Channel, most money.Minor) (refund.ChannelOptions, error) {
	var out refund.ChannelOptions
	extra, err := object(params, "extra", "extra")
	if err == nil && channel.SplitFundInfo {
		out.Splits, err = splitFundInfo(extra, most)
	}
	if err == nil && channel.ExchangeRate {
		out.Rate, out.ExchangedAmount, err = exchangeRate(extra)
	}
	if err != nil {
		return refund.ChannelOptions{}, err
	}
	if value, ok := given(extra, "hide_reason"); ok && channel.HideReason {
		if out.HideReason, ok = boolean(value); !ok {
			return refund.ChannelOptions{}, invalid("extra[hide_reason]", wantBoolean)
		}
	}
	return out, nil
}

func splitFundInfo(extra exactjson.Value, most money.Minor) ([]refund.Split, error) {
	const param = "extra[split_fund_info]"
	value, ok := given(extra, "split_fund_info")
	if !ok {
		return nil, nil
	}
	wrong := invalid(param, text{
		"必须是包含 account 和 amount 的列表，总额不能超过退款金额",
		"it must be a list of account and amount, in all at most the refund's amount",
	})
	if value.Kind != exactjson.Array || len(value.Items) > maxSplits {
		return nil, wrong
	}
	var splits []refund.Split
	var sum money.Minor
	for _, item := range value.Items {
		account, err := requiredText(item, "account", param)
		if err != nil {
			return nil, wrong
		}
		number, _ := given(item, "amount")
		amount, ok := amountAbove0(number)
		if !ok {
			return nil, wrong
		}
		description, err := optionalText(item, "desc", param)
		if err != nil {
			return nil, wrong
		}
		if sum, ok = money.Add(sum, money.Minor(amount)); !ok || sum > most {
			return nil, wrong
		}
		splits = append(splits, refund.Split{Account: account, Amount: money.Minor(amount), Description: description})
	}
	return splits, nil
}

// exchangeRate reads rate and refund_amount of the two cross-border channels;
// both are optional, whatever the page's prose says.
func exchangeRate(extra exactjson.Value) (rate string, exchanged money.Minor, err error) {
	if value, ok := given(extra, "rate"); ok {
		if !isRate(value) {
			return "", 0, invalid("extra[rate]", text{"必须是大于 0 的小数", "it must be a decimal number above 0"})
		}
		rate = value.Text
	}
	if value, ok := given(extra, "refund_amount"); ok {
		amount, ok := amountAbove0(value)
		if !ok {
			return "", 0, invalid("extra[refund_amount]", wantAmount)
		}
		exchanged = money.Minor(amount)
	}
	return rate, exchanged, nil
}

// maxRateDigits is above any rate, in characters of its literal.
const maxRateDigits = 32

// isRate: digits, at most one point with digits on both sides, not zero.
func isRate(value exactjson.Value) bool {
	if value.Kind != exactjson.Number && value.Kind != exactjson.String || len(value.Text) > maxRateDigits {
		return false
	}
	whole, fraction, hasPoint := strings.Cut(value.Text, ".")
	digits := func(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
	return digits(whole) && (!hasPoint || digits(fraction)) && strings.Trim(value.Text, "0.") != ""
}

// sumOf adds shares up; that they fit was checked when they were read.
func sumOf(splits []refund.Split) money.Minor {
	var sum money.Minor
	for _, s := range splits {
		sum += s.Amount
	}
	return sum
}

// canonicalSplits is what a repeat must share of them: accounts and amounts in
// order; the descriptions are no content.
func canonicalSplits(splits []refund.Split) string {
	if len(splits) == 0 {
		return ""
	}
	pairs := make([][2]any, len(splits))
	for i, s := range splits {
		pairs[i] = [2]any{s.Account, s.Amount}
	}
	canonical, err := wire.Marshal(pairs)
	if err != nil {
		return "" // strings and integers always have a JSON text
	}
	return string(canonical)
}
