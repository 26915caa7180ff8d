package console

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"rsc.io/qr"
)

// The picture has each module of the code and no other, and its label is escaped.
func TestAQRCodeIsDrawnModuleByModule(t *testing.T) {
	const text = "otpauth://totp/Refundry:ann@example.com?secret=JBSWY3DPEHPK3PXP&issuer=Refundry"
	picture, err := qrPicture(text, `a "label"`)
	if err != nil {
		t.Fatal(err)
	}
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		t.Fatal(err)
	}
	drawn := make(map[[2]int]bool)
	for _, run := range regexp.MustCompile(`M(\d+) (\d+)h(\d+)v1h-(\d+)z`).FindAllStringSubmatch(string(picture), -1) {
		var n [4]int
		for i := range n {
			n[i], _ = strconv.Atoi(run[i+1])
		}
		if n[2] != n[3] {
			t.Errorf("a run does not close: %s", run[0])
		}
		for x := range n[2] {
			drawn[[2]int{n[0] + x, n[1]}] = true
		}
	}
	for y := range code.Size {
		for x := range code.Size {
			if code.Black(x, y) != drawn[[2]int{x, y}] {
				t.Fatalf("module %d, %d", x, y)
			}
		}
	}
	if !strings.Contains(string(picture), `aria-label="a &#34;label&#34;"`) || strings.Contains(string(picture), "style") {
		t.Errorf("%.300s", picture)
	}
	if _, err := qrPicture(strings.Repeat("x", 5000), ""); err == nil {
		t.Error("a text that is too long was drawn")
	}
}
