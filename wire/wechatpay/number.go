package wechatpay

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// Digits of a refund_id: "50", 13 of Unix milliseconds, 14 of a hash.
const (
	refundIDTime = 1e13
	refundIDHash = 1e14
)

// MakeRefundID makes the refund_id of a refund that has a name of another form:
// 29 digits that begin with 50, as the platform's do. The same name and time
// give the same digits, so that nobody has to keep them; the time stands in
// them, so that a refund can be found by them.
func MakeRefundID(name string, unixMilli int64) string {
	sum := sha256.Sum256([]byte(name))
	return fmt.Sprintf("50%013d%014d", uint64(max(0, unixMilli))%refundIDTime, binary.BigEndian.Uint64(sum[:8])%refundIDHash)
}
