import numpy as np
import pytest

from isletqc.segment.depth import depth_px, depth_squared_px2


def test_depth_is_the_distance_to_the_nearest_pixel_outside() -> None:
    mask = np.zeros((20, 30), dtype=np.bool_)
    mask[2:17, 3:28] = True
    y, x = np.mgrid[:20, :30]
    outside = np.argwhere(~mask)
    nearest = np.hypot(y[..., None] - outside[:, 0], x[..., None] - outside[:, 1]).min(axis=2)
    assert depth_px(mask) == pytest.approx(nearest, abs=1e-5)


def test_depth_has_the_same_bits_wherever_the_mask_lies_in_memory() -> None:
    rng = np.random.default_rng(0)
    mask = (rng.random((97, 131)) > 0.02).astype(np.uint8)
    first = depth_squared_px2(mask)
    for shift in range(64):
        moved = np.empty(mask.size + 64, dtype=np.uint8)[shift : shift + mask.size]
        moved = moved.reshape(mask.shape)
        moved[:] = mask
        assert np.array_equal(depth_squared_px2(moved), first)


def test_a_mask_without_outside_has_a_finite_depth() -> None:
    assert np.isfinite(depth_px(np.ones((5, 5), dtype=np.bool_))).all()
