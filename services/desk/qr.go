package desk

import (
	"fmt"
	"image/color"
	"strings"

	"github.com/boombuler/barcode/qr"
)

// QR is a QR code as the path of an SVG: part of the page, so that the secret in
// it has no address of its own and the policy need not allow pictures from data.
type QR struct {
	Size int    // modules on one side, the quiet zone included
	Path string // of the dark ones
}

// quiet is the light margin that scanners need, in modules.
const quiet = 4

// qrOf draws a text.
func qrOf(text string) (QR, error) {
	code, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil {
		return QR{}, fmt.Errorf("draw a QR code: %w", err)
	}
	var path strings.Builder
	size := code.Bounds().Dx()
	dark := func(x, y int) bool { return color.GrayModel.Convert(code.At(x, y)).(color.Gray).Y < 128 }
	for y := range size {
		for x := 0; x < size; x++ {
			if !dark(x, y) {
				continue
			}
			from := x
			for x < size && dark(x, y) {
				x++
			}
			fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", from+quiet, y+quiet, x-from, x-from)
		}
	}
	return QR{Size: size + 2*quiet, Path: path.String()}, nil
}
