package wechatpay

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// Digits of a refund_id: "50", 13 of Unix milliseconds, 14 of a hash.
const (
	refundIDPrefix     = "50"
	refundIDTime       = 1e13
	refundIDHash       = 1e14
	refundIDTimeDigits = 13
	refundIDLength     = 29
)

// MakeRefundID makes the refund_id of a refund that has a name of another form:
// 29 digits that begin with 50, as the platform's do. The same name and time
// give the same digits, so that nobody has to keep them; the time stands in
// them, so that a refund can be found by them.
func MakeRefundID(name string, unixMilli int64) string {
	sum := sha256.Sum256([]byte(name))
	return fmt.Sprintf("50%013d%014d", uint64(max(0, unixMilli))%refundIDTime, binary.BigEndian.Uint64(sum[:8])%refundIDHash)
}

// RefundIDTime is the Unix milliseconds in a refund_id that MakeRefundID made;
// ok is false for a text of another form.
func RefundIDTime(id string) (unixMilli int64, ok bool) {
	digits, ok := strings.CutPrefix(id, refundIDPrefix)
	if !ok || len(id) != refundIDLength {
		return 0, false
	}
	unixMilli, err := strconv.ParseInt(digits[:refundIDTimeDigits], 10, 64)
	return unixMilli, err == nil
}
