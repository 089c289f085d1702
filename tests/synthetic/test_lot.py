from typing import Any

import numpy as np
import pytest

from isletqc.synthetic import draw

Lot = tuple[tuple[draw.Field, ...], draw.LotTruth]
SMALL: dict[str, Any] = {
    "shape_yx": (420, 560),
    "um_per_px": 4.0,
    "islets_per_aliquot": 40.0,
    "recipient_kg": 50.0,
}


@pytest.fixture(scope="module")
def lot() -> Lot:
    return draw.phantom_lot(1, aliquots=3, images_per_aliquot=2, dilution=2.0, **SMALL)


def test_each_aliquot_has_its_pictures_and_its_exact_ieq(lot: Lot) -> None:
    fields, truth = lot
    assert len(fields) == 6
    for k in range(3):
        pair = fields[2 * k : 2 * k + 2]
        assert truth.aliquot_ieq[k] == pytest.approx(sum(f.ieq for f in pair))
        assert truth.aliquot_islets[k] == sum(f.islet_count for f in pair)


def test_every_islet_of_an_aliquot_lies_whole_in_a_picture(lot: Lot) -> None:
    fields, _ = lot
    assert not any(i.touches_border for f in fields for i in f.truth)


def test_the_totals_of_the_lot_follow_from_one_another(lot: Lot) -> None:
    fields, truth = lot
    assert truth.ieq_per_kg == pytest.approx(truth.total_ieq / 50)
    islet = sum(np.sum(f.classes == 2) for f in fields)
    tissue = sum(np.sum(f.classes > 0) for f in fields)
    assert truth.purity == pytest.approx(islet / tissue)
    # 1 IEQ is 1.767146 nL; 55 % of a pellet is tissue
    islet_ml = truth.total_ieq * 1.767146e-6
    assert truth.settled_tissue_ml == pytest.approx(islet_ml / truth.purity / 0.55, rel=1e-5)


def test_the_suspension_holds_the_concentration_asked_for() -> None:
    _, truth = draw.phantom_lot(2, aliquots=1, **SMALL)
    # 40 islets in 0.1 mL of 250 mL are 100,000; 86.9 % of the law's are of at least 50 um
    assert truth.total_islets == pytest.approx(86_900, rel=0.01)


def test_aliquots_scaled_to_the_suspension_find_the_total_within_sampling_error() -> None:
    _, truth = draw.phantom_lot(3, aliquots=4, **SMALL | {"islets_per_aliquot": 60.0})
    scale = truth.suspension_ml * truth.dilution / (truth.aliquot_ul / 1000)
    found = np.mean(truth.aliquot_ieq) * scale
    counted = sum(truth.aliquot_islets)
    # compound Poisson: CV^2 = (1 + CV_V^2) / n, with a CV of the volumes of about 1.7
    assert found == pytest.approx(truth.total_ieq, rel=3 * np.sqrt((1 + 1.7**2) / counted))


def test_the_same_seed_makes_the_same_lot() -> None:
    first, again = (draw.phantom_lot(4, aliquots=1, **SMALL) for _ in range(2))
    assert first[1] == again[1]
    assert np.array_equal(first[0][0].pixels, again[0][0].pixels)
