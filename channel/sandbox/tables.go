package sandbox

import "github.com/refundry/refundry/channel"

// Tables describes the sandbox's books: sandbox_accounts, sandbox_refunds and
// sandbox_notices.
func Tables() channel.Tables {
	const ofRefunds = ` WHERE (account, number) IN (SELECT r.channel_account, r.channel_number FROM v
		JOIN refunds r ON r.merchant_id = v.merchant_id AND r.charge_id = v.id)`
	return channel.Tables{
		Name:    invariant,
		Growing: []string{"sandbox_refunds"},
		Check:   check,
		DeleteRefunds: []string{
			`DELETE FROM sandbox_notices` + ofRefunds,
			`DELETE FROM sandbox_refunds` + ofRefunds,
		},
	}
}
