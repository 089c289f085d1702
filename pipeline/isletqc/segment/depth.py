"""Depth of pixels inside a mask, the same bits wherever the mask lies in memory.

The last bit of OpenCV's exact distance depends on the memory's alignment. Its square is a whole
number, so rounding that makes it the same everywhere.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

_FARTHEST_PX = 1e6  # stands for "no pixel outside"


def depth_squared_px2(mask: NDArray[np.uint8] | NDArray[np.bool_]) -> NDArray[np.float32]:
    """Squared distance (Y, X) of each pixel to the nearest one outside the mask; 0 outside."""
    distance = cv2.distanceTransform(
        mask.astype(np.uint8, copy=False), cv2.DIST_L2, cv2.DIST_MASK_PRECISE
    )
    near = np.minimum(np.asarray(distance, dtype=np.float32), np.float32(_FARTHEST_PX))
    return np.asarray(np.rint(near * near), dtype=np.float32)


def depth_px(mask: NDArray[np.uint8] | NDArray[np.bool_]) -> NDArray[np.float32]:
    """Distance (Y, X) of each pixel to the nearest one outside the mask; 0 outside."""
    return np.sqrt(depth_squared_px2(mask))
