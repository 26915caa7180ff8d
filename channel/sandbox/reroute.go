package sandbox

import (
	"context"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
)

// merchantAccount is where a refund went that was sent back to the merchant, as
// WeChat Pay says it (docs/rules/wechatpay.md, W2.1a-8).
const merchantAccount = "商户结算银行账户"

// Reroute implements channel.Connector: it succeeds at once. Of a card only its
// bank and last four digits are shown, as WeChat Pay does.
func (c connector) Reroute(ctx context.Context, i channel.Instruction, to channel.Destination) refund.Outcome {
	if err := c.box.Reroute(ctx, i.Account, i.Number, nil); err != nil {
		if refund.KindOf(err) == refund.KindStateConflict {
			// Rerouted before, and the answer was lost? Then it is done.
			if asked := c.Query(ctx, i); asked.Kind == refund.OutcomeDone {
				asked.Landed = landed(to)
				return asked
			}
			return refund.Outcome{Kind: refund.OutcomeRefused, Code: "NOT_ABNORMAL", Message: refund.As(err).Detail}
		}
		return answered(refund.Outcome{}, err)
	}
	outcome := c.Query(ctx, i)
	outcome.Landed = landed(to)
	return outcome
}

func landed(to channel.Destination) refund.Landed {
	if to.Kind == channel.ToMerchant {
		return refund.Landed{Account: merchantAccount}
	}
	tail := to.BankAccount[max(0, len(to.BankAccount)-4):]
	return refund.Landed{Way: refund.WayOtherCard, Account: bankName(to.Bank) + "借记卡" + tail}
}

// bankNames are the banks of the debit cards that the page lists.
var bankNames = map[string]string{
	"CMB_DEBIT": "招商银行", "COMM_DEBIT": "交通银行", "ABC_DEBIT": "农业银行", "CCB_DEBIT": "建设银行", "ICBC_DEBIT": "工商银行",
	"BOC_DEBIT": "中国银行", "PAB_DEBIT": "平安银行", "SPDB_DEBIT": "浦发银行", "CITIC_DEBIT": "中信银行", "CEB_DEBIT": "光大银行",
	"CMBC_DEBIT": "民生银行", "CIB_DEBIT": "兴业银行", "GDB_DEBIT": "广发银行", "PSBC_DEBIT": "邮储银行", "NBCB_DEBIT": "宁波银行",
}

func bankName(kind string) string {
	if name := bankNames[kind]; name != "" {
		return name
	}
	return kind
}
