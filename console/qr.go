package console

import (
	"fmt"
	"html/template"
	"strings"

	"rsc.io/qr"
)

// qrMargin is the light frame that readers need around a code, in its modules.
const qrMargin = 4

// qrPicture is a QR code of a text as SVG, dark on light in every theme. It holds what
// the text says, and so a secret where that is one. label says what it is for.
func qrPicture(text, label string) (template.HTML, error) {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return "", fmt.Errorf("draw QR code: %w", err)
	}
	var path strings.Builder
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			run := 0
			for ; code.Black(x+run, y); run++ {
			}
			if run > 0 {
				fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", x, y, run, run)
				x += run
			}
		}
	}
	size := code.Size + 2*qrMargin
	return template.HTML(fmt.Sprintf( //nolint:gosec // digits, and a label that is escaped
		`<svg class="qr" viewBox="%d %d %d %d" role="img" aria-label="%s"><rect x="%d" y="%d" width="%d" height="%d" fill="#fff"></rect><path d="%s" fill="#000"></path></svg>`,
		-qrMargin, -qrMargin, size, size, template.HTMLEscapeString(label), -qrMargin, -qrMargin, size, size, path.String())), nil
}
