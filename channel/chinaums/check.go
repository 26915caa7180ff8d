package chinaums

import (
	"context"
	"fmt"

	"github.com/refundry/refundry/channel"
	wire "github.com/refundry/refundry/wire/chinaums"
)

// checkNumber follows the source's number in what Check asks about: no order of a
// merchant's has such a number.
const checkNumber = "REFUNDRYCHECK"

// settingOf is the setting at fault by a code.
var settingOf = map[wire.Code]string{
	wire.CodeInvalidMsgSrc: settingMsgSrc, wire.CodeMerchantConfig: settingMID, wire.CodeNoMerchant: settingMID, wire.CodeInactiveMerchant: settingMID,
	wire.CodeDeniedIP: settingBaseURL, wire.CodeAbnormalRequestTime: settingBaseURL, wire.CodeNoService: settingMode,
}

// Check implements channel.Connector: it asks for a refund that is not there, which
// proves the keys that sign, and the merchant's number. The communication key of the
// open platform signs notices alone, which nothing can ask for.
func (c *connector) Check(ctx context.Context) []channel.Check {
	a := c.call(ctx, wire.RefundQuery, wire.Message{wire.FieldMerOrderID: c.msgSrcID + checkNumber})
	key := secretAppKey
	if c.legacy {
		key = secretCommunicationKey
	}
	found := []channel.Check{{Name: settingBaseURL}, {Name: key}, {Name: settingMID}}
	fail := func(name, format string, args ...any) []channel.Check {
		for n, one := range found {
			if one.Name == name {
				found[n].Err = fmt.Errorf(format, args...)
				return found[:n+1]
			}
		}
		return append(found, channel.Check{Name: name, Err: fmt.Errorf(format, args...)})
	}
	switch name := settingOf[a.ErrCode]; {
	case a.status == 0:
		return fail(settingBaseURL, "%w (hint: is the address right, and may it be called? --egress-allow lists private networks)", a.problem)
	case a.problem != nil:
		return fail(settingBaseURL, "%w (hint: the answer had HTTP %d; is the address ChinaUMS'?)", a.problem, a.status)
	case a.ErrCode == wire.CodeNoOrder && a.status == 200:
		if c.own.Key == "" {
			return fail(secretCommunicationKey, "is not set, so that no notice is taken (hint: account set --secret %s=@FILE)", secretCommunicationKey)
		}
		return found
	case name != "":
		return fail(name, "ChinaUMS answers %s %s (hint: %s)", a.ErrCode, a.ErrMsg, meanings[a.ErrCode].hint)
	default:
		// The gateway's own errors are not documented: it checks the signature first.
		return fail(key, "ChinaUMS answers HTTP %d, %s %s (hint: the key, %s and the clock belong together)", a.status, a.ErrCode, a.ErrMsg, c.signer())
	}
}

// signer is the setting that names who signs.
func (c *connector) signer() string {
	if c.legacy {
		return settingMsgSrc
	}
	return settingAppID
}
